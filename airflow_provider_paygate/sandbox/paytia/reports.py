"""The Reporting API: five read-only addresses, JSON in and out (specs/paytia.md §6). Its field names are ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import rows
from .answers import Answer, Refusal, missing, success
from .filters import Filter
from .records import FIRST_CDR

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .accounts import Account
    from .book import Book
    from .call import Call
    from .records import Payment
    from .seeds import Block

_LARGEST_PAGE = 100  # what the portal's screens offer (WRB); more is not given, whatever is asked
_NO_CDR = Refusal(400, "cdr_id was not found", "envelope")
Source = tuple["Sequence[Any]", "Callable[[Any], dict[str, Any]]"]


def payments(book: Book, call: Call, account: Account) -> Answer:
    """`payment_taken`: what the portal calls the payment history."""
    wanted = _filter(call, account)
    now = book.shared.clock.now()
    sources: list[Source] = [
        (rows.seeded(block, wanted), rows.seeded_row(block, account)) for block in _blocks(book, account)
    ]
    taken = [
        one for one in rows.taken(_candidates(book, account, wanted), now, call.stale_for) if wanted.fits(one, now)
    ]
    sources.append((taken, lambda payment: rows.payment_row(payment, account, now)))
    return _listed(account, _page(sources, wanted, account))


def cdr_logs(book: Book, call: Call, account: Account) -> Answer:
    """`manage_cdr_logs`: one call record for each payment that was asked for."""
    wanted = _filter(call, account)
    now = book.shared.clock.now()
    sources: list[Source] = [(rows.seeded(block, wanted), rows.seeded_cdr(block)) for block in _blocks(book, account)]
    asked = [one for one in _candidates(book, account, wanted) if wanted.fits(one, now)]
    sources.append((asked, lambda payment: rows.cdr_row(payment, now)))
    return _listed(account, _page(sources, wanted, account))


def cdr(book: Book, call: Call, account: Account) -> Answer:
    _check_asked(call, account)
    for block in _blocks(book, account):
        n = _cdr_number(call) - block.first_id
        if 0 <= n < block.count:
            return success({"data": rows.seeded_cdr(block)(n) | {"hangOutCause": ""}})
    payment = _by_cdr(book, call, account)
    detail = rows.cdr_row(payment, book.shared.clock.now())
    return success({"data": detail | {"hangOutCause": payment.call.get("hangOutCause", "")}})


def cdr_api_details(book: Book, call: Call, account: Account) -> Answer:
    """`view_api_details_cdr`: the request that began it and what was answered (API-V)."""
    payment = _by_cdr(book, call, account)
    return success({"data": [rows.trace(payment, account)]})


def webhook_log(book: Book, call: Call, account: Account) -> Answer:
    """`webhook_request_data`: each try of each webhook of the payment (WRB)."""
    payment = _by_cdr(book, call, account)
    names = {payment.reference_number, payment.reference_id} - {""}
    posted = [
        one
        for one in book.shared.postman.deliveries
        if (one.gateway, one.merchant) == ("paytia", account.name) and one.reference in names
    ]
    return success({"data": rows.webhook_rows(posted)})


def _blocks(book: Book, account: Account) -> list[Block]:
    return book.seeded[account.name]


def _candidates(book: Book, account: Account, wanted: Filter) -> list[Payment]:
    """A look-up by reference is what a client does for each payment: it must not read all the others."""
    reference = wanted.exact.get("reference_number")
    return book.payments[account.name] if reference is None else book.by_reference[account.name, reference]


def _filter(call: Call, account: Account) -> Filter:
    _check_asked(call, account)
    return Filter.read(call.fields, account, _LARGEST_PAGE)


def _check_asked(call: Call, account: Account) -> None:
    if not account.licensed:
        raise Refusal(401, "The reporting licence is not active for this account", "envelope")
    if call.encoding != "json" and call.exchange.body:
        raise Refusal(400, "send a JSON object")


def _by_cdr(book: Book, call: Call, account: Account) -> Payment:
    _check_asked(call, account)
    number = _cdr_number(call)
    payment = book.by_number.get(number - FIRST_CDR)
    if payment is None or payment.account != account.name:
        raise _NO_CDR
    return payment


def _cdr_number(call: Call) -> int:
    cdr_id = str(call.fields.get("cdr_id") or "")
    if not cdr_id:
        raise missing("cdr_id")
    if not cdr_id.isdecimal():
        raise _NO_CDR
    return int(cdr_id)


def _page(sources: list[Source], wanted: Filter, account: Account) -> list[dict[str, Any]]:
    """Rows of one page, made one by one: a source is as long as it says, but only the page's rows are worked out."""
    total = sum(len(items) for items, _ in sources)
    step = max(1, wanted.limit - account.page_overlap)
    first = (wanted.page - 1) * step
    if first >= total and account.past_the_end == "repeat":
        first = max(0, total - 1) // step * step
    places = range(first, min(total, first + wanted.limit))
    if account.order == "newest":
        places = range(total)[::-1][places.start : places.stop]
    return [_nth(sources, place) for place in places]


def _nth(sources: list[Source], place: int) -> dict[str, Any]:
    for items, made in sources:
        if place < len(items):
            return made(items[place])
        place -= len(items)
    raise IndexError(place)


def _listed(account: Account, listed: list[dict[str, Any]]) -> Answer:
    """The five share one envelope (REP); where the rows are in it is cut off, so each reading can be set."""
    match account.report_shape:
        case "list":
            return Answer(listed)
        case "data.data":
            return success({"data": {"data": listed}})
        case name:
            return success({name: listed})
