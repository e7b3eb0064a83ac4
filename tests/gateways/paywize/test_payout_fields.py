"""Everything about a payout is checked as it is made: exact money, text as text, one gateway id per reference."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_paygate.exceptions import InvalidRequest, Refused
from airflow_provider_paygate.gateways.paywize.collection import collection_body
from airflow_provider_paygate.gateways.paywize.payout import body_of, checked_amount, payment_of, sender_id_of
from airflow_provider_paygate.payouts import Payout
from tests.conftest import CANARY_ACCOUNT, payment


def refused(**fields: Any) -> str:
    with pytest.raises(InvalidRequest) as raised:
        Payout(**payment(**fields))
    assert isinstance(raised.value, Refused)
    assert CANARY_ACCOUNT not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(("given_", "kept"), [
    ("1250.00", "1250.00"), ("1250", "1250.00"), (" 1250.5 ", "1250.50"), (1250, "1250.00"), ("1", "1.00"),
    (Decimal("1250.5"), "1250.50"), (Decimal("1.25E+3"), "1250.00"), ("0001.00", "1.00"), ("499999.99", "499999.99"),
])  # fmt: skip
def test_amounts_are_decimals_with_two_places(given_: Any, kept: str) -> None:
    amount = Payout(**payment(amount=given_)).amount
    assert isinstance(amount, Decimal)
    assert str(amount) == kept


@pytest.mark.parametrize("amount", [
    1250.0, 0.1, float("nan"), True, None, "", " ", "1,250.00", "1.250,00", "1e3", "-1", "+1", "₹5", "5 INR", "0", "0.00",
    "0.001", "1.005", Decimal("1.001"), Decimal("NaN"), Decimal("Infinity"), Decimal("-1"), Decimal("-0"), 0, -5, "NaN",
    "inf", "١٢٣", "1250\n00", "0x10", "1_000", ".5", "5.", b"5", [5], "9" * 40,
])  # fmt: skip
def test_what_is_no_exact_amount_is_refused_by_name(amount: Any) -> None:
    assert "amount" in refused(amount=amount)


def test_a_float_is_told_why() -> None:
    assert "float" in refused(amount=1250.0)


@given(st.decimals(min_value="0.01", max_value="999999999999.99", places=2))
def test_every_amount_survives_unchanged_in_every_form_it_may_arrive_in(amount: Decimal) -> None:
    for form in (amount, str(amount), f"{amount:f}", f"{amount}0", f" {amount} "):
        assert checked_amount(form) == amount
        assert f"{checked_amount(form):.2f}" == f"{amount:.2f}"


@given(st.decimals(min_value=0, max_value=10**6, places=5))
def test_a_third_decimal_is_never_rounded_away(amount: Decimal) -> None:
    exact = amount == amount.quantize(Decimal("0.01"))
    if exact and amount > 0:
        assert checked_amount(amount) == amount
    else:
        with pytest.raises(ValueError, match="amount"):
            checked_amount(amount)


@pytest.mark.parametrize(("mode", "amount", "ok"), [
    ("IMPS", "0.99", False), ("IMPS", "1", True), ("IMPS", "500000", True), ("IMPS", "500000.01", False),
    ("NEFT", "1", True), ("NEFT", "1000000", True), ("NEFT", "1000000.01", False),
    ("RTGS", "199999.99", False), ("RTGS", "200000", True), ("RTGS", "100000000", True), ("RTGS", "100000000.01", False),
    ("imps ", "5", True), ("UPI", "5", False), ("", "5", False), (None, "5", False),
])  # fmt: skip
def test_modes_carry_what_the_table_says(mode: Any, amount: str, ok: bool) -> None:
    if ok:
        assert Payout(**payment(mode=mode, amount=amount)).mode == mode.strip().upper()
    else:
        assert re.search("mode|amount", refused(mode=mode, amount=amount))


@pytest.mark.parametrize("account", [
    123456789, 123456789.0, Decimal(12), None, "", "  ", "123", "1.2E+11", "1234 5678", "12-34", "१२३४५६", "1" * 36, True,
])  # fmt: skip
def test_an_account_number_is_text_and_nothing_a_spreadsheet_made_of_it(account: Any) -> None:
    text = refused(beneficiary_account=account)
    assert "beneficiary_account" in text
    assert "12345" not in text


def test_leading_zeros_stay_and_blanks_around_go() -> None:
    payout = Payout(**payment("  INV-1\t", beneficiary_account=" 000123456789 ", beneficiary_ifsc=" hdfc0001234 "))
    assert (payout.reference, payout.beneficiary_account, payout.beneficiary_ifsc) == (
        "INV-1",
        "000123456789",
        "HDFC0001234",
    )


@pytest.mark.parametrize("ifsc", ["HDFC1001234", "HDF00001234", "HDFC000123", "HDFC00012345", "", None, 5, "HDFC0 01234",
                                  "HDFC00012é4", "ıDFC0001234", "ﬁDC0001234"])  # fmt: skip
def test_an_ifsc_has_eleven_characters(ifsc: Any) -> None:
    assert "beneficiary_ifsc" in refused(beneficiary_ifsc=ifsc)


@pytest.mark.parametrize(("field", "longest"), [("beneficiary_name", 40), ("remarks", 20), ("reference", 200)])
def test_lengths_are_limits_and_nothing_is_cut(field: str, longest: int) -> None:
    assert getattr(Payout(**payment(**{field: "x" * longest})), field) == "x" * longest
    assert field in refused(**{field: "x" * (longest + 1)})


@pytest.mark.parametrize("field", ["reference", "beneficiary_name", "remarks", "mode"])
@pytest.mark.parametrize("value", ["", " \t", None, 5, 5.0, True, "a\nb", "a\x00b", "\u200b"])
def test_text_is_printable_text(field: str, value: Any) -> None:
    assert field in refused(**{field: value})


@pytest.mark.parametrize("url", ["example.com/hook", "ftp://example.com", "https://", "javascript:alert(1)", 5])
def test_a_callback_url_is_whole(url: Any) -> None:
    assert "callback_url" in refused(callback_url=url)


@pytest.mark.parametrize("field", ["wallet_id", "callback_url", "replaces"])
@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_what_is_optional_may_be_empty(field: str, nothing: Any) -> None:
    assert getattr(Payout(**payment(**{field: nothing})), field) is None


def test_a_payment_does_not_replace_itself() -> None:
    assert "replaces" in refused(replaces=" INV-1 ")


def test_a_payout_is_a_frozen_value_that_shows_no_account() -> None:
    payout = Payout(**payment())
    with pytest.raises(dataclasses.FrozenInstanceError):
        payout.amount = Decimal(1)  # type: ignore[misc]
    assert payout == Payout(**payment()) == pickle.loads(pickle.dumps(payout)) == copy.deepcopy(payout)
    assert CANARY_ACCOUNT not in repr(payout)
    assert "Asha" not in repr(payout)
    assert payout.shown_account == "****6789"
    with pytest.raises(InvalidRequest):
        dataclasses.replace(payout, amount=1.5)  # type: ignore[arg-type]


FITS = st.text("ABCabc019_-", min_size=1, max_size=36)


@given(FITS)
def test_a_reference_that_fits_is_the_gateway_id(reference: str) -> None:
    assert sender_id_of(reference) == reference


@given(st.text(min_size=1, max_size=200))
def test_a_gateway_id_always_fits_and_depends_on_the_reference_alone(reference: str) -> None:
    sender_id = sender_id_of(reference)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,36}", sender_id)
    assert sender_id_of(reference) == sender_id


@given(st.sets(st.text(min_size=1, max_size=60), min_size=2, max_size=20))
def test_two_references_never_share_a_gateway_id(references: set[str]) -> None:
    assert len({sender_id_of(reference) for reference in references}) == len(references)


def test_gateway_ids_never_change_between_releases() -> None:
    """A changed derivation would pay every open reference again. These stand for ever."""
    assert sender_id_of("INV-2026-0001") == "INV-2026-0001"
    assert sender_id_of("INV/2026/0001") == "pg-fmbo5hifeygvurujk73xpqwsdmoi55mh"
    assert sender_id_of("x" * 37) == "pg-6blwzzwdnkolpjp2yaclzvmpvtukgeya"


def test_the_body_is_flat_with_the_amount_as_text_and_no_callback_unless_given() -> None:
    payout = Payout(**payment(amount=1250))
    body = body_of(payout, payout.sender_id, "WALLET1", None)
    assert body == {
        "sender_id": "INV-1", "wallet_id": "WALLET1", "amount": "1250.00", "payment_mode": "IMPS",
        "beneficiary_name": "Asha Rao", "beneficiary_ifsc": "HDFC0001234",
        "beneficiary_acc_number": "000123456789", "remarks": "vendor",
    }  # fmt: skip
    assert body_of(payout, "x", "w", "https://example.com/h")["callback_url"] == "https://example.com/h"


ANSWER = {
    "transaction_id": "PAY123456789", "sender_id": "INV-1", "wallet_id": "PAYWIZE12345679", "amount": "1000.00",
    "payment_mode": "IMPS", "remarks": "vendor", "status": "Success", "status_message": "Payment completed",
    "utr_number": "415612345678",
    "beneficiary": {"beneficiary_name": "Asha Rao", "beneficiary_acc_number": CANARY_ACCOUNT, "beneficiary_ifsc": "HDFC0001234"},
    "timestamps": {"created_at": "2026-11-21T10:00:00Z", "updated_at": "2026-11-21T10:00:05Z"},
}  # fmt: skip


def test_an_answer_becomes_facts() -> None:
    told, whom = payment_of(ANSWER)
    assert (told.status, told.is_final, told.succeeded) == ("SUCCESS", True, True)
    assert (told.transaction_id, told.sender_id, told.utr) == ("PAY123456789", "INV-1", "415612345678")
    assert told.amount == Decimal("1000.00")
    assert told.currency == "INR"
    assert told.created_at is not None
    assert told.created_at.isoformat() == "2026-11-21T10:00:00+00:00"
    assert (whom.account, whom.ifsc) == (CANARY_ACCOUNT, "HDFC0001234")


def test_a_flat_camel_case_answer_says_the_same() -> None:
    flat = {
        "txnId": "PAY123456789", "senderId": "INV-1", "requestAmount": 1000, "status": " success ", "utr": 415612345678,
        "statusMessage": "Payment completed", "beneficiary_account_number": CANARY_ACCOUNT, "beneficiary_ifsc": "HDFC0001234",
        "createdAt": "2026-11-21T10:00:00.123Z", "updatedAt": "2026-11-21T10:00:05+05:30",
    }  # fmt: skip
    told, whom = payment_of(flat)
    assert (told.status, told.transaction_id, told.sender_id, told.utr, told.amount) == (
        "SUCCESS", "PAY123456789", "INV-1", "415612345678", Decimal(1000),
    )  # fmt: skip
    assert whom.account == CANARY_ACCOUNT
    assert told.updated_at is not None
    assert told.updated_at.utcoffset() is not None


def test_connected_banking_tells_indian_time_without_a_zone() -> None:
    told, _ = payment_of({**ANSWER, "timestamps": None, "created_at": "21 Jan 2026 03:23:02 PM"})
    assert told.created_at is not None
    assert told.created_at.isoformat() == "2026-01-21T15:23:02+05:30"


def test_facts_show_no_account_number_even_where_the_gateway_quotes_it() -> None:
    told, whom = payment_of({**ANSWER, "status_message": f"Account {CANARY_ACCOUNT} is closed", "token": "abc"})
    for shown in (repr(told), repr(whom), str(told.raw), str(told.message)):
        assert CANARY_ACCOUNT not in shown
        assert "abc" not in shown
    assert told.raw["beneficiary"]["beneficiary_acc_number"] == "****6789"


@pytest.mark.parametrize(("word", "final", "succeeded"), [
    ("INITIATED", False, False), ("PROCESSING", False, False), ("PENDING", False, False), ("SUCCESS", True, True),
    ("COMPLETED", True, True), ("FAILED", True, False), ("REFUNDED", True, False), ("REJECTED", True, False),
    ("REVERSED", True, False), ("Failed", True, False), ("success", True, True),
    # Nobody documented these for Paywize: calling them final could pay somebody twice.
    ("TIMEOUT", False, False), ("CANCELLED", False, False), ("QUEUED", False, False), ("", False, False), (None, False, False),
    ("SUCCESSFUL", False, False), ("NOT FAILED", False, False),
])  # fmt: skip
def test_a_word_nobody_documented_is_not_final(word: Any, final: bool, succeeded: bool) -> None:
    told, _ = payment_of({**ANSWER, "status": word})
    assert (told.is_final, told.succeeded) == (final, succeeded)


@pytest.mark.parametrize("strange", [None, "", "soon", 5, {}, [], "2026-13-45T99:00:00Z", True, "NaN", 1e300])
def test_strange_values_in_an_answer_are_no_reason_to_stumble(strange: Any) -> None:
    told, _ = payment_of({**ANSWER, "amount": strange, "timestamps": {"created_at": strange}, "beneficiary": strange})
    assert told.transaction_id == "PAY123456789"


def test_a_collection_asks_in_camel_case() -> None:
    body, rupees = collection_body(
        sender_id="C-1",
        amount="100.5",
        vpa="merchant@paywize",
        channel="fino",
        callback_url="https://e.com/h",
        remarks="a 1",
    )
    assert rupees == Decimal("100.50")
    assert body == {
        "senderId": "C-1", "txnType": "INTENT", "vpa": "merchant@paywize", "channel": "FINO",
        "requestAmount": "100.50", "callbackUrl": "https://e.com/h", "remarks": "a 1",
    }  # fmt: skip


@pytest.mark.parametrize(("field", "value"), [
    ("amount", 1.5), ("vpa", "nobody"), ("vpa", None), ("channel", "SBI"), ("callback_url", None), ("callback_url", ""),
    ("remarks", "no!"), ("remarks", "x" * 21),
])  # fmt: skip
def test_a_collection_names_the_field_that_is_wrong(field: str, value: Any) -> None:
    good = {"amount": "1", "vpa": "m@p", "channel": "NSDL", "callback_url": "https://e.com", "remarks": None}
    with pytest.raises(ValueError, match=field):
        collection_body(sender_id="C-1", **{**good, field: value})
