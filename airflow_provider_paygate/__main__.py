"""`python -m airflow_provider_paygate` is `paygate`."""

import sys

from airflow_provider_paygate.cli import main

sys.exit(main())
