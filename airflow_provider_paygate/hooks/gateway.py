"""What the hooks of all gateways share: a connection read once, flows run with this package's exceptions."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook, mask_secret

from airflow_provider_paygate.exceptions import InvalidRequest
from airflow_provider_paygate.gateways.wire import Fault, Flow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_paygate.connections.fields import ConnectionType
    from airflow_provider_paygate.transport.blocking import Timeouts

T = TypeVar("T")


class GatewaySettings(Protocol):
    """What every gateway's settings say."""

    @property
    def timeout(self) -> float: ...
    @property
    def secrets(self) -> tuple[str, ...]: ...


S = TypeVar("S", bound=GatewaySettings)


class GatewayHook(BaseHook, Generic[S]):
    """Runs a gateway's flows for one connection. Making a hook reads nothing and sends nothing."""

    conn_name_attr: ClassVar[str]
    gateway: ClassVar[str]
    table: ClassVar[ConnectionType]

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """The form's extra fields, for Airflow before 3.2; newer ones read the provider's metadata."""
        return cls.table.form_widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """The form's standard fields, for Airflow before 3.2."""
        return cls.table.ui_field_behaviour()

    @property
    def conn_id(self) -> str:
        """The id of the connection, under whichever name the hook has it."""
        conn_id: str = getattr(self, self.conn_name_attr)
        return conn_id

    def read_settings(self, connection: Any) -> S:
        """The connection's settings, checked; a gateway's hook says which."""
        raise NotImplementedError

    def open(self) -> object:
        """Make the client, open the books: whatever an event loop must not do itself."""
        raise NotImplementedError

    @cached_property
    def settings(self) -> S:
        """What the connection says, checked; its secrets are known to the log masker from here on."""
        return self._settings_of(self.get_connection(self.conn_id))

    @cached_property
    def timeouts(self) -> Timeouts:
        """How long to wait for the gateway."""
        from airflow_provider_paygate.transport.blocking import timeouts_of

        return timeouts_of(self.settings.timeout)

    async def aprepare(self) -> None:
        """Read the connection as an event loop must, and open the books off it. Call before any `a…` flow."""
        import asyncio

        from airflow.providers.common.compat.connection import get_async_connection

        from airflow_provider_paygate.transport import awaiting

        await asyncio.to_thread(awaiting.load)
        if "settings" not in self.__dict__:
            try:
                connection = await get_async_connection(self.conn_id, hook=self)
            except AirflowNotFoundException:
                # Airflow 3.3.2's `dags test` cannot read the metadata database asynchronously; blocking it can.
                connection = await asyncio.to_thread(self.get_connection, self.conn_id)
            self.__dict__["settings"] = await asyncio.to_thread(self._settings_of, connection)
        await asyncio.to_thread(self.open)

    def run(self, operation: str, flow: Flow[T]) -> T:
        """Run a flow of this hook, with this package's exceptions."""
        from airflow_provider_paygate.transport import blocking

        return blocking.run(self.told(operation, flow), self.timeouts)

    async def arun(self, operation: str, flow: Flow[T]) -> T:
        """The same on an event loop; :meth:`aprepare` comes first."""
        from airflow_provider_paygate.transport import awaiting

        return await awaiting.run(self.told(operation, flow), self.timeouts)

    def told(self, operation: str, flow: Flow[T], more_secrets: tuple[str, ...] = ()) -> Flow[T]:
        """`flow`, with this package's exceptions."""
        with self._errors(operation, more_secrets):
            return (yield from flow)

    def _settings_of(self, connection: Any) -> S:
        settings = self.read_settings(connection)
        for secret in settings.secrets:
            mask_secret(secret)
        return settings

    def _secrets(self) -> tuple[str, ...]:
        """What no message may quote."""
        return self.settings.secrets

    @contextmanager
    def _errors(self, operation: str, more_secrets: tuple[str, ...] = ()) -> Iterator[None]:
        from airflow_provider_paygate.hooks.errors import error_of

        try:
            yield
        except Fault as fault:
            raise error_of(fault, self.gateway, operation, (*self._secrets(), *more_secrets)) from None
        except ValueError as error:
            raise InvalidRequest(str(error), gateway=self.gateway, operation=operation) from None

    def checked(self, check: Any, *args: Any) -> Any:
        """What a check gives, with this package's exceptions: a ValueError becomes InvalidRequest."""
        with self._errors("check"):
            return check(*args)


# A masker never forgets, and searches every line for all it knows. A worker meets a few tokens, a triggerer that runs for
# months thousands; ours are logged nowhere, so the first ones are enough to show that.
MOST_MASKED_TOKENS = 200
_masked_tokens: set[str] = set()


def mask_token(token: str) -> None:
    """Tell the log masker of a token, within reason."""
    if len(_masked_tokens) < MOST_MASKED_TOKENS and token not in _masked_tokens:
        _masked_tokens.add(token)
        mask_secret(token)
