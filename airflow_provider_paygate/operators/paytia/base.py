"""What the Paytia operators share: the connection, free fields, and nothing of a card or a bank token in what is shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_paygate.operators.context import mask_accounts

if TYPE_CHECKING:
    from airflow_provider_paygate.hooks.paytia import PaytiaHook


class PaytiaOperator(BaseOperator):
    """An operator on a Paytia connection.

    :param fields: further fields of the request, under our names.
    :param paytia_conn_id: the connection.
    """

    template_fields: Sequence[str] = ("fields", "paytia_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"fields": "json"}
    ui_color = "#e4ecf9"

    def __init__(
        self, *, fields: Mapping[str, Any] | None = None, paytia_conn_id: str = "paytia_default", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.fields = fields
        self.paytia_conn_id = paytia_conn_id

    def _do_render_template_fields(self, *args: Any, **kwargs: Any) -> None:
        # The one place that plain and mapped tasks both pass before Airflow stores what was rendered.
        super()._do_render_template_fields(*args, **kwargs)
        mask_accounts(_never_shown({name: getattr(self, name, None) for name in self.template_fields}))

    def hook(self) -> PaytiaHook:
        """The hook on the operator's connection."""
        from airflow_provider_paygate.hooks.paytia import PaytiaHook

        return PaytiaHook(self.paytia_conn_id)

    def further_fields(self) -> dict[str, Any]:
        """The free fields. Raises InvalidRequest when a template made something else of them."""
        from airflow_provider_paygate.exceptions import InvalidRequest

        if self.fields is None:
            return {}
        if not isinstance(self.fields, Mapping):
            raise InvalidRequest(
                "fields must be a mapping of field names to values", gateway="paytia", operation="check"
            )
        return dict(self.fields)


def own_days(operator: BaseOperator, **days: Any) -> dict[str, Any]:
    """`start_date` and `end_date` as they were meant for the operator itself.

    Airflow has a meaning of its own for both and puts those of `default_args` into our constructor: they go where they belong.
    """
    dag = operator.get_dag()
    defaults = getattr(dag, "default_args", None) or {}
    for name, value in days.items():
        if isinstance(value, datetime) and value == defaults.get(name):
            setattr(operator, name, value)
            days = {**days, name: None}
    return days


def _never_shown(value: Any, name: str = "") -> Iterator[str]:
    """What of a rendered field must not be stored as it is: card data that should not be there at all, and bank tokens."""
    from airflow_provider_paygate.gateways.paytia.cards import card_numbers, is_card_field

    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _never_shown(item, str(key))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _never_shown(item, name)
    elif value is not None and not isinstance(value, bool):
        if name == "bank_token" or is_card_field(name):
            yield str(value)
        yield from card_numbers(str(value))
