"""What Airflow reads of this package. Loaded by every component while Airflow itself starts: imports nothing of it."""

from __future__ import annotations

from typing import Any

from airflow_provider_paygate.connections.paytia import PAYTIA
from airflow_provider_paygate.connections.paywize import PAYWIZE

PACKAGE = "airflow-provider-paygate"
GATEWAYS = {"paywize": "Paywize", "paytia": "Paytia"}


def get_provider_info() -> dict[str, Any]:
    """The provider's metadata, in the shape of Airflow's provider_info and provider.yaml schemas."""
    return {
        "package-name": PACKAGE,
        "name": "Paygate",
        "description": "Payment gateways: payouts that move money at most once, shared tokens, collections.",
        "integrations": [
            {"integration-name": name, "external-doc-url": url, "tags": ["service"]}
            for name, url in (
                ("Paywize", "https://www.paywize.in/api-docs"),
                ("Paytia", "https://www.paytia.com/resources/api-docs"),
            )
        ],
        "connection-types": [PAYWIZE.provider_info(), PAYTIA.provider_info()],
        "hooks": _modules("hooks"),
        "operators": [
            *_modules("operators"),
            {"integration-name": "Paywize", "python-modules": ["airflow_provider_paygate.operators.reconcile"]},
        ],
        "extra-links": ["airflow_provider_paygate.operators.reconcile.ReconciliationReportLink"],
        "sensors": _modules("sensors"),
        "triggers": _modules("triggers"),
        "config": {
            "paygate": {
                "description": "Where paygate keeps its books.",
                "options": {
                    "database": {
                        "description": (
                            "SQLAlchemy URL of the paygate database (tokens and the payout journal), or conn:<connection id>. "
                            "Empty: paygate.db in AIRFLOW_HOME. SQLite serves one machine; a fleet needs PostgreSQL."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "postgresql://paygate@db.internal/paygate",
                        "default": "",
                        "sensitive": True,
                    }
                },
            }
        },
    }


def _modules(kind: str) -> list[dict[str, Any]]:
    return [
        {"integration-name": name, "python-modules": [f"airflow_provider_paygate.{kind}.{module}"]}
        for module, name in GATEWAYS.items()
    ]
