"""One table per connection type feeds the form of every Airflow version and the reading of its values.

Airflow loads the tables while it is itself being imported, so nothing here may import Airflow: a wrong value is a
ValueError, whose text names the field and never a secret.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any, Protocol
from urllib.parse import urlsplit

MASKED = "***"
SANDBOX_KEY_PREFIX = "PAYGATESANDBOX"


class AirflowConnection(Protocol):
    """What is read of an Airflow connection, on any version of it."""

    conn_id: Any
    host: Any
    login: Any
    password: Any
    port: Any
    schema: Any

    @property
    def extra_dejson(self) -> Any: ...


class Shape(Enum):
    """What a field's value looks like in the form and in Python."""

    TEXT = "text"
    SECRET = "secret"
    CHOICE = "choice"
    FLAG = "flag"
    SECONDS = "seconds"
    AMOUNT = "amount"
    OBJECT = "object"


@dataclass(frozen=True)
class Field:
    """One extra of a connection.

    A secret's name must contain what Airflow masks by (``api_key``, ``secret``, ``token``, ``password``).
    """

    name: str
    label: str
    help: str
    shape: Shape = Shape.TEXT
    default: Any = None
    choices: tuple[str, ...] = ()
    required: bool = False

    def form_schema(self) -> dict[str, Any]:
        """The JSON schema that Airflow 3.2 and newer draw the field from."""
        kind = {Shape.FLAG: "boolean", Shape.SECONDS: "number", Shape.OBJECT: "object"}.get(self.shape, "string")
        schema: dict[str, Any] = {"type": kind if self.required else [kind, "null"]}
        if self.shape is Shape.SECRET:
            schema["format"] = "password"
        if self.choices:
            schema["enum"] = list(self.choices)
        if self.shape is Shape.SECONDS:
            schema["minimum"] = 0
        if self.default is not None:
            schema["default"] = self.default
        return schema

    def widget(self) -> Any:
        """The same for Airflow 2.11 to 3.1, which read wtforms from the hook."""
        from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
        from flask_babel import lazy_gettext
        from wtforms import BooleanField, PasswordField, StringField

        label = lazy_gettext(self.label)
        if self.shape is Shape.FLAG:
            return BooleanField(label, default=self.default, description=self.help)
        if self.shape is Shape.SECRET:
            return PasswordField(label, widget=BS3PasswordFieldWidget(), description=self.help)
        default = None if self.default is None else str(self.default)
        return StringField(label, widget=BS3TextFieldWidget(), default=default, description=self.help)

    def read(self, value: Any) -> Any:
        """`value` as Python uses it; the default for nothing. Raises ValueError that names the field, never a secret."""
        if isinstance(value, str):
            value = value.strip()
        if value is None or value == "":
            if self.required:
                raise ValueError(f"{self.name} is missing in the connection ({self.label})")
            return self.default
        if value == MASKED and self.shape is Shape.SECRET:
            raise masked(self.name)
        try:
            return _READERS[self.shape](self, value)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{self.name} in the connection {error}") from None


def masked(name: str) -> ValueError:
    """Airflow hands ``***`` to a hook when it tests a stored connection without its secrets."""
    return ValueError(
        f"{name} is the placeholder {MASKED} that Airflow shows instead of a secret: type the secret again"
    )


@dataclass(frozen=True)
class ConnectionType:
    """A connection type: its names, its standard fields and its extras."""

    conn_type: str
    hook_class: str
    hook_name: str
    default_host: str
    relabeling: Mapping[str, str]
    placeholders: Mapping[str, str]
    hidden: tuple[str, ...]
    extras: tuple[Field, ...]

    def provider_info(self) -> dict[str, Any]:
        """The entry in ``connection-types`` of the provider's metadata."""
        return {
            "connection-type": self.conn_type,
            "hook-class-name": self.hook_class,
            "hook-name": self.hook_name,
            "ui-field-behaviour": {
                "hidden-fields": list(self.hidden),
                "relabeling": dict(self.relabeling),
                "placeholders": dict(self.placeholders),
            },
            "conn-fields": {
                field.name: {"label": field.label, "description": field.help, "schema": field.form_schema()}
                for field in self.extras
            },
        }

    def ui_field_behaviour(self) -> dict[str, Any]:
        """What `get_ui_field_behaviour` of the hook returns on Airflow 2.11 to 3.1."""
        return {
            "hidden_fields": [*self.hidden, "extra"],
            "relabeling": dict(self.relabeling),
            "placeholders": {
                **self.placeholders,
                **{f.name: str(f.default) for f in self.extras if f.default is not None},
            },
        }

    def form_widgets(self) -> dict[str, Any]:
        """What `get_connection_form_widgets` of the hook returns there."""
        return {field.name: field.widget() for field in self.extras}

    def read_extras(self, connection: AirflowConnection) -> dict[str, Any]:
        """Every extra, read and checked. A misspelt name is refused: a ceiling that is ignored protects nobody."""
        import difflib

        given = connection.extra_dejson or {}
        known = [field.name for field in self.extras]
        for name in given:
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
            if name not in known and close:
                raise ValueError(f"extra {name!r} in the connection is unknown; do you mean {close[0]!r}?")
        return {field.name: field.read(given.get(field.name)) for field in self.extras}

    def base_url(self, connection: AirflowConnection) -> str:
        """Scheme, host, port and path prefix, without a slash at the end. Plain http is accepted for loopback only."""
        host = str(connection.host or "").strip() or self.default_host
        schema = str(connection.schema or "").strip()
        if "://" not in host:
            host = f"{schema or 'https'}://{host}"
        elif schema.lower() not in {"", "http", "https"}:
            # A URI like paywize://https://:secret@host/prefix?… puts the path there.
            host = f"{host.rstrip('/')}/{schema}"
        if not host.isprintable() or " " in host:
            raise ValueError("host in the connection holds a blank or a control character")
        try:
            parts = urlsplit(host)
            port = parts.port or (int(connection.port) if connection.port else None)
        except ValueError:
            raise ValueError("host in the connection is no URL, or its port is no number") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("host in the connection must be a host name or an http(s) URL")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("host in the connection must hold no user, password, query or fragment")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError(
                f"host in the connection is plain http to {parts.hostname}; keys travel by https, http serves loopback only"
            )
        name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        return f"{parts.scheme}://{name}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def origin_of(base_url: str) -> str:
    """Host and port: what, with the API key, makes an account. The path prefix is not part of it."""
    parts = urlsplit(base_url)
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def refuse_sandbox_key(api_key: str, base_url: str) -> None:
    """A key that `paygate sandbox` hands out is public; anywhere else it is a mistake about to happen."""
    if api_key.startswith(SANDBOX_KEY_PREFIX) and not is_loopback(urlsplit(base_url).hostname or ""):
        raise ValueError("api_key is one of paygate's sandbox and serves this machine only: enter the real key")


def _text(_: Field, value: Any) -> str:
    if not isinstance(value, str | int):
        raise TypeError("must be text")
    return str(value)


def _choice(field: Field, value: Any) -> str:
    word = str(value).lower()
    if word not in field.choices:
        raise ValueError(f"must be one of {', '.join(field.choices)}")
    return word


def _flag(_: Field, value: Any) -> bool:
    word = str(value).lower()
    if word not in {"true", "false", "1", "0", "yes", "no", "on", "off"}:
        raise ValueError("must be true or false")
    return word in {"true", "1", "yes", "on"}


def _seconds(_: Field, value: Any) -> float:
    try:
        seconds = Decimal(str(value))
    except InvalidOperation:
        raise ValueError("must be a number of seconds") from None
    if not seconds.is_finite() or seconds < 0:
        raise ValueError("must be a number of seconds, zero or more")
    return seconds.__float__()


def _amount(_: Field, value: Any) -> Decimal:
    text = str(value)
    if isinstance(value, bool) or not text.replace(".", "", 1).isdigit() or not text.isascii():
        raise ValueError("must be a plain decimal amount like 500000.00")
    amount = Decimal(text)
    if amount != amount.quantize(Decimal("0.01")):
        raise ValueError("has more than two decimals")
    return amount


def _object(_: Field, value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError("must be a JSON object") from None
    if not isinstance(value, dict):
        raise TypeError("must be a JSON object")
    return value


_READERS: dict[Shape, Callable[[Field, Any], Any]] = {
    Shape.TEXT: _text,
    Shape.SECRET: _text,
    Shape.CHOICE: _choice,
    Shape.FLAG: _flag,
    Shape.SECONDS: _seconds,
    Shape.AMOUNT: _amount,
    Shape.OBJECT: _object,
}
