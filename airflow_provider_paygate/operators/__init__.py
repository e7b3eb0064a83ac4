"""What DAGs put together."""
