"""Payment gateways for Apache Airflow: money that moves at most once, tokens that never lock you out."""

__version__ = "0.1.0"
