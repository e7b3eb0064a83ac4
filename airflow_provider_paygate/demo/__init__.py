"""The stage of `paygate demo` and `paygate up`: a sandbox, an Airflow home, and the processes that run in it."""
