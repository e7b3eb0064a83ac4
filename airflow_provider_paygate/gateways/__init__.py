"""What each gateway wants and says, as pure functions of bytes and clock: no Airflow, no network, no database."""
