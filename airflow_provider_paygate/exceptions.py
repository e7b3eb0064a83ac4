"""What can go wrong, and what Airflow should do about it.

::

    PaygateError (AirflowException)
     ├─ Refused *                  the gateway, or a check before it, said no; nothing moved
     │   ├─ InvalidRequest         a field, a row, a setting or a wallet is wrong
     │   ├─ InsufficientFunds      the wallet does not hold enough
     │   ├─ LimitExceeded          below a minimum, or above a maximum or a daily limit or ceiling
     │   └─ NotPermitted           the address is not allow-listed, the mode or commercials not enabled
     ├─ DuplicateReference *       the reference was used before and may have been paid
     ├─ ReferenceConflict *        the reference was used before for another amount or beneficiary
     ├─ AuthenticationFailed *     the keys are wrong, or the gateway cannot decrypt what they make
     │   └─ TokenLost              a person must make new tokens
     ├─ PayoutFailed *             the payment ended FAILED or REFUNDED
     ├─ StillPending               not final yet; a retry goes on waiting
     ├─ NotSent                    it never took effect; a retry is safe
     │   └─ Throttled              the gateway asks for patience (`retry_after` seconds)
     ├─ OutcomeUnknown             it may have moved; a retry looks it up before anything else
     ├─ BreaksFound *              a reconciliation found what its `fail_on` names
     ├─ NotFound                   the gateway knows no such payment
     ├─ BadReply                   an answer that cannot be read
     └─ WebhookRejected            an event that cannot be trusted

Those marked * are also an `AirflowFailException`: retrying them changes nothing, so the task fails at once.
No message holds a secret, a token or an account number.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException


class PaygateError(AirflowException):
    """Root of everything this package raises.

    :ivar gateway: ``"paywize"`` or ``"paytia"``, when one is concerned.
    :ivar operation: what was being done, e.g. ``"initiate"``.
    :ivar code: the gateway's own code, as text, when it gave one.
    :ivar http_status: the HTTP status of the answer, when there was one.
    """

    def __init__(
        self,
        message: str,
        *,
        gateway: str | None = None,
        operation: str | None = None,
        code: str | None = None,
        http_status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.gateway = gateway
        self.operation = operation
        self.code = code
        self.http_status = http_status


class Refused(PaygateError, AirflowFailException):
    """The gateway, or a check before it, said no; nothing moved."""


class InvalidRequest(Refused):
    """A field, a row, a setting or a wallet is wrong; the message names it."""


class InsufficientFunds(Refused):
    """The wallet does not hold enough."""


class LimitExceeded(Refused):
    """Below a minimum, or above a maximum, a daily limit or one of our own ceilings."""


class NotPermitted(Refused):
    """The address is not allow-listed, or the mode or commercials are not enabled."""


class DuplicateReference(PaygateError, AirflowFailException):
    """The reference was used before and may have been paid; never "nothing moved"."""


class ReferenceConflict(PaygateError, AirflowFailException):
    """The reference was used before for another amount or beneficiary."""


class AuthenticationFailed(PaygateError, AirflowFailException):
    """The keys are wrong, or the gateway cannot decrypt what they make."""


class TokenLost(AuthenticationFailed):
    """No usable token is left; a person must make new ones in the gateway's portal."""


class PayoutFailed(PaygateError, AirflowFailException):
    """The payment ended FAILED or REFUNDED. The reference is used up; `replaces` pays it under a new one."""


class StillPending(PaygateError):
    """The payment was not final in time; a retry goes on waiting and sends nothing."""


class NotSent(PaygateError):
    """It never took effect: a retry is safe."""


class Throttled(NotSent):
    """The gateway asks for patience.

    :ivar retry_after: seconds to wait, when the gateway said so.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, **about: object) -> None:
        super().__init__(message, **about)  # type: ignore[arg-type]
        self.retry_after = retry_after


class OutcomeUnknown(PaygateError):
    """It may have moved. Never pay it under another reference; a retry looks it up first.

    :ivar retry_after: seconds until looking it up again can prove something, when that is known.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, **about: object) -> None:
        super().__init__(message, **about)  # type: ignore[arg-type]
        self.retry_after = retry_after


class BreaksFound(PaygateError, AirflowFailException):
    """Books, gateway and bank do not agree: a reconciliation found breaks that its `fail_on` names."""


class NotFound(PaygateError):
    """The gateway knows no such payment."""


class BadReply(PaygateError):
    """An answer that cannot be read: HTML, an empty body, data that does not decrypt, a code nobody documented."""


class WebhookRejected(PaygateError):
    """An event whose signature, encryption or form cannot be trusted."""


@contextmanager
def concerning(gateway: str) -> Iterator[None]:
    """Name the gateway in every error of this package that leaves the block, or the function, without one."""
    try:
        yield
    except PaygateError as error:
        error.gateway = error.gateway or gateway
        raise
