"""Card data never passes: refused before anything is sent, scrubbed from anything received."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_paygate.exceptions import InvalidRequest, Refused
from airflow_provider_paygate.gateways.paytia.cards import card_numbers, is_card_field, refuse_card_data, scrubbed
from tests.paytia.conftest import Connect
from tests.paytia.fake import Fake

PAN = "4111111111111111"


def luhn_valid(body: str) -> str:
    for check in "0123456789":
        digits = body + check
        total = sum(
            d if i % 2 == 0 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(map(int, reversed(digits)))
        )
        if total % 10 == 0:
            return digits
    raise AssertionError


PANS = (
    st.text("0123456789", min_size=12, max_size=18)
    .filter(lambda t: t.strip("0") and not t.startswith("20"))
    .map(luhn_valid)
)


@given(PANS, st.lists(st.booleans(), min_size=19, max_size=19), st.sampled_from([" ", "-", "\u00a0", "  "]))
def test_a_number_is_found_with_and_without_gaps(pan: str, gaps: list[bool], gap: str) -> None:
    text = "".join(digit + (gap if gaps[at] and at < len(pan) - 1 else "") for at, digit in enumerate(pan))
    with pytest.raises(ValueError, match="card"):
        refuse_card_data({"note": f"pay {text} now"})
    shown = scrubbed({"note": f"pay {text} now"})["note"]
    assert not list(card_numbers(shown))
    assert text not in shown


@pytest.mark.parametrize(
    "value",
    ["+44 7700 900123", "20261123000123", "INV-2026-11-23-00012", "12.50", "4111 1111 1111 1112", "pm_1NXxyz", "", None, True,
     "GB29 NWBK 6016 1331 9268 19"],
)  # fmt: skip
def test_what_is_no_card_passes(value: Any) -> None:
    refuse_card_data({"field": value})
    assert scrubbed({"field": value}) == {"field": value}


@pytest.mark.parametrize(
    "name",
    [
        "pan",
        "PAN",
        "card_number",
        "cardNumber",
        "Card Number",
        "cvv",
        "CVV2",
        "card_cvc",
        "cardSecurityCode",
        "expiryDate",
    ],
)
def test_a_field_named_like_card_data_is_refused(name: str) -> None:
    assert is_card_field(name)
    with pytest.raises(ValueError, match="named like card data"):
        refuse_card_data({name: "x"})


@pytest.mark.parametrize("name", ["company_name", "panel", "expand", "discard", "account_number", "card_brand"])
def test_a_field_named_otherwise_is_not(name: str) -> None:
    assert not is_card_field(name)


def test_a_link_and_an_id_keep_their_digits() -> None:
    number = luhn_valid("100000000000")
    row = {"linktopay_url": f"https://pay.example/{number}", "transaction_id": number, "note": number}
    assert scrubbed(row) == {**row, "note": f"****{number[-4:]}"}
    assert scrubbed({"reference_number": PAN}) == {"reference_number": "****1111"}


@pytest.mark.parametrize(
    "send",
    [
        lambda hook: hook.call("POST", "/api/anything", {"deep": [{"x": PAN}]}),
        lambda hook: hook.call("POST", f"/api/{PAN}"),
        lambda hook: hook.call("GET", "/api/x", params={"q": "4111 1111 1111 1111"}),
        lambda hook: hook.payment_service({"note": int(PAN)}),
        lambda hook: hook.create_payment_link(reference=PAN, amount="1.00"),
        lambda hook: hook.create_payment_link(reference="A", amount="1.00", description=f"card {PAN}"),
        lambda hook: hook.charge_stored(reference="A", amount="1.00", transaction_id=PAN),
        lambda hook: hook.charge_stored(reference="A", amount="1.00", transaction_id="pm_1", cvv="123"),
        lambda hook: hook.bank_payout(reference=PAN, amount="1.00", bank_token="b"),
        lambda hook: hook.payments_taken(search=PAN),
        lambda hook: hook.get_payment(reference=PAN),
        lambda hook: hook.cdr(PAN),
        lambda hook: hook.cdr_api_details("4111-1111-1111-1111"),
        lambda hook: hook.webhook_log(PAN),
        lambda hook: hook.call("POST", "/api/payment_service?x=1", {"transaction_flag": 4, "pan": "x"}),
        lambda hook: hook.release_reserve(transaction_id=PAN),
        lambda hook: hook.cancel_subscription(subscription_id=PAN),
        lambda hook: list(hook.cdr_logs(cvv="123")),
    ],
)
def test_nothing_of_a_card_leaves(fake: Fake, link: Connect, send: Any) -> None:
    with pytest.raises(Refused) as error:
        send(link())
    assert isinstance(error.value, InvalidRequest)
    assert "1111" not in str(error.value)
    assert fake.seen == []


def test_nothing_of_a_card_is_kept_of_what_comes(fake: Fake, link: Connect) -> None:
    row = {"id": "1", "reference_number": "R", "amount": "1.00", "card_number": PAN, "note": f"paid with {PAN}", "cvv": "123",
           "masked": "XXXX XXXX XXXX 1111"}  # fmt: skip
    fake.payments = [row]
    (payment,) = link().payments_taken()
    text = repr(payment) + json.dumps(dict(payment.raw), default=str)
    assert PAN not in text
    assert "123" not in text.replace("req-123", "")
    assert payment["masked"] == "XXXX XXXX XXXX 1111"
    fake.fail("payments_taken", (400, f"card {PAN} is bad"))
    with pytest.raises(Refused) as error:
        list(link().payments_taken())
    assert PAN not in str(error.value)
