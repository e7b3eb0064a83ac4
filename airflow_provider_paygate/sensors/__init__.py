"""What DAGs wait for."""
