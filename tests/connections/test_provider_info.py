"""What Airflow reads of the package fits Airflow's own schemas, and every secret has a name that Airflow masks."""

from __future__ import annotations

import importlib
import json
import re
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest

from airflow_provider_paygate.get_provider_info import get_provider_info

SCHEMAS = Path(airflow.__file__).parent
INFO = get_provider_info()
# Airflow 2.11 masks by fewer names than 3.3; a secret must be masked by both, and nothing else by either.
MASKED_BY_2_11 = (
    "access_token", "api_key", "apikey", "authorization", "passphrase", "passwd", "password", "private_key", "secret",
    "token", "keyfile_dict", "service_account",
)  # fmt: skip
MASKED_BY_3_3 = (
    *MASKED_BY_2_11, "access_key", "auth_header", "bearer", "connection_string", "dsn", "proxies", "proxy", "service_key",
    "webhook_url",
)  # fmt: skip


def schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((SCHEMAS / name).read_text())
    return loaded


def test_it_fits_the_runtime_schema() -> None:
    jsonschema.validate(INFO, schema("provider_info.schema.json"))
    assert json.loads(json.dumps(INFO)) == INFO


@pytest.mark.parametrize(
    "key", ["connection-types", "config", "integrations", "hooks", "operators", "sensors", "triggers"]
)
def test_it_fits_the_schema_of_provider_yaml(key: str) -> None:
    """Only this one knows conn-fields; the runtime schema takes their typos in silence."""
    whole = schema("provider.yaml.schema.json")
    jsonschema.validate(INFO[key], {**whole["properties"][key], "definitions": whole.get("definitions", {})})


def test_the_package_name_is_the_distributions() -> None:
    """If it were not, Airflow's discovery would fail for every provider."""
    assert INFO["package-name"] == distribution("airflow-provider-paygate").metadata["Name"]
    (entry,) = [
        entry
        for entry in distribution("airflow-provider-paygate").entry_points
        if entry.group == "apache_airflow_provider"
    ]
    assert entry.load()() == INFO


@pytest.mark.parametrize("kind", ["hooks", "operators", "sensors", "triggers"])
def test_every_module_it_names_is_there(kind: str) -> None:
    for group in INFO[kind]:
        assert group["integration-name"] in {one["integration-name"] for one in INFO["integrations"]}
        for module in group["python-modules"]:
            importlib.import_module(module)


def fields() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (kind["connection-type"], name, field)
        for kind in INFO["connection-types"]
        for name, field in kind["conn-fields"].items()
    ]


@pytest.mark.parametrize(("conn_type", "name", "field"), fields())
def test_a_field_is_secret_exactly_when_airflow_masks_its_name(
    conn_type: str, name: str, field: dict[str, Any]
) -> None:
    secret = field["schema"].get("format") == "password"
    assert any(word in name for word in MASKED_BY_2_11) == secret
    assert any(word in name for word in MASKED_BY_3_3) == secret
    from airflow._shared.secrets_masker import should_hide_value_for_key

    assert should_hide_value_for_key(name) == secret


@pytest.mark.parametrize(("conn_type", "name", "field"), fields())
def test_every_field_explains_itself_and_may_be_left_empty_unless_required(
    conn_type: str, name: str, field: dict[str, Any]
) -> None:
    assert field["label"]
    assert len(field["description"]) > 10
    optional = isinstance(field["schema"]["type"], list)
    assert optional == (name != "api_key")
    default = field["schema"].get("default")
    if default is not None:
        jsonschema.validate(default, field["schema"])
    if "enum" in field["schema"]:
        assert default in field["schema"]["enum"]


def test_connection_types_have_the_contracts_names() -> None:
    kinds = {kind["connection-type"]: kind for kind in INFO["connection-types"]}
    paywize = kinds["paywize"]
    assert set(paywize["conn-fields"]) == {
        "api_key", "wallet_id", "encryption", "path_profile", "paths", "auth_style", "callback_url", "webhook_secret",
        "webhook_signature", "timeout", "visibility_window", "max_amount", "max_batch_amount", "max_daily_amount", "rate_limits",
    }  # fmt: skip
    defaults = {name: field["schema"].get("default") for name, field in paywize["conn-fields"].items()}
    told = {name: value for name, value in defaults.items() if value is not None}
    assert told == {
        "encryption": "v1", "path_profile": "docs", "auth_style": "auto", "webhook_signature": "if_present", "timeout": 30,
        "visibility_window": 900,
    }  # fmt: skip
    assert paywize["conn-fields"]["encryption"]["schema"]["enum"] == ["v1", "v2"]
    for kind in kinds.values():
        assert re.fullmatch(r"[a-z]+", kind["connection-type"])
        assert not {"host", "password"} & set(kind["ui-field-behaviour"]["hidden-fields"])
        module, _, name = kind["hook-class-name"].rpartition(".")
        hook = getattr(importlib.import_module(module), name)
        assert (hook.conn_type, hook.hook_name) == (kind["connection-type"], kind["hook-name"])
        assert hook.default_conn_name == f"{kind['connection-type']}_default"
        assert hook.conn_name_attr == f"{kind['connection-type']}_conn_id"


def test_older_airflows_get_the_same_form_from_the_hook() -> None:
    from airflow_provider_paygate.hooks.paywize import PaywizeHook

    behaviour = PaywizeHook.get_ui_field_behaviour()
    jsonschema.validate(behaviour, schema("customized_form_field_behaviours.schema.json"))
    assert "extra" in behaviour["hidden_fields"]
    assert behaviour["relabeling"]["password"] == "Secret key"


def test_airflow_discovers_the_provider() -> None:
    from airflow.providers_manager import ProvidersManager

    manager = ProvidersManager()
    assert "airflow-provider-paygate" in manager.providers
    hook = manager.hooks["paywize"]
    assert hook is not None
    assert (hook.hook_name, hook.connection_id_attribute_name) == ("Paywize", "paywize_conn_id")
