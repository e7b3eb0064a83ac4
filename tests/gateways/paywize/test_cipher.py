"""Bytes are exactly those of every published vector; what is not exactly right is refused, and never half read."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_paygate.gateways.paywize.cipher import V1, V2, cipher_for
from airflow_provider_paygate.gateways.paywize.envelope import json_object

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors" / "paywize.json").read_text())
KEYS = {key["id"]: key for key in VECTORS["keys"]}
API_KEY, SECRET = KEYS["k1"]["api_key"], KEYS["k1"]["secret_key"]


def named(vectors: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(vector, id=f"{number}-{vector['name']}") for number, vector in enumerate(vectors)]


def secret_of(vector: dict[str, Any]) -> str:
    return str(vector["secret_key"] if "secret_key" in vector else KEYS[vector["key_id"]]["secret_key"])


def v1_of(vector: dict[str, Any]) -> V1:
    return V1(KEYS[vector["key_id"]]["api_key"], KEYS[vector["key_id"]]["secret_key"])


@pytest.mark.parametrize("vector", named(VECTORS["v1"]))
def test_v1_is_byte_for_byte_the_published_vector(vector: dict[str, Any]) -> None:
    plaintext = vector["plaintext"].encode()
    assert v1_of(vector).encrypt(plaintext) == vector["ciphertext_b64"]
    assert v1_of(vector).decrypt(vector["ciphertext_b64"]) == plaintext


@pytest.mark.parametrize("vector", named(VECTORS["v2"]))
def test_v2_is_byte_for_byte_the_published_vector(vector: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    cipher = V2(secret_of(vector))
    plaintext = cipher.decrypt(vector["wire_b64"])
    assert hashlib.sha256(plaintext).hexdigest() == vector["plaintext_sha256"]
    monkeypatch.setattr("Crypto.Random.get_random_bytes", lambda _: bytes.fromhex(vector["nonce_hex"]))
    assert cipher.encrypt(plaintext) == vector["wire_b64"]


@pytest.mark.parametrize("vector", named(VECTORS["v1_negative"]))
def test_v1_refuses_what_it_cannot_have_been_told(vector: dict[str, Any]) -> None:
    """CBC notices some of these by itself; the rest, the bit flip among them, falls to strict UTF-8 and JSON."""
    with pytest.raises(ValueError, match=r"decrypt"):
        json_object(v1_of(vector), vector["ciphertext_b64"])


@pytest.mark.parametrize("vector", named(VECTORS["v2_negative"]))
def test_v2_refuses_what_it_cannot_have_been_told(vector: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        V2(KEYS[vector["key_id"]]["secret_key"]).decrypt(vector["wire_b64"])


@given(st.binary(max_size=200))
def test_what_was_encrypted_comes_back(plaintext: bytes) -> None:
    for cipher in (V1(API_KEY, SECRET), V2(SECRET), V2("a secret of any length at all, ₹ too")):
        assert cipher.decrypt(cipher.encrypt(plaintext)) == plaintext


@given(st.binary(max_size=60), st.data())
def test_v2_refuses_every_flipped_bit(plaintext: bytes, data: st.DataObject) -> None:
    cipher = V2(SECRET)
    message = bytearray(base64.b64decode(cipher.encrypt(plaintext)))
    place = data.draw(st.integers(0, len(message) * 8 - 1))
    message[place // 8] ^= 1 << place % 8
    with pytest.raises(ValueError, match="MAC check"):
        cipher.decrypt(base64.b64encode(message).decode())


@given(st.text(max_size=80))
def test_anything_else_is_a_value_error_and_nothing_worse(wire: str) -> None:
    for cipher in (V1(API_KEY, SECRET), V2(SECRET)):
        with pytest.raises(ValueError, match=r"."):
            json_object(cipher, wire)


def test_v2_never_uses_a_nonce_twice() -> None:
    wires = {V2(SECRET).encrypt(b"the same") for _ in range(200)}
    assert len({base64.b64decode(wire)[:12] for wire in wires}) == 200


@pytest.mark.parametrize("last", "BCDEF")
def test_one_message_has_one_spelling(last: str) -> None:
    """Stray bits in base64's last character decode to the same bytes; a check over the text would not see them."""
    wire = base64.b64encode(bytes(28)).decode()
    assert base64.b64decode(wire[:-3] + last + "==") == bytes(28)
    with pytest.raises(ValueError, match="canonical"):
        V2(SECRET).decrypt(wire[:-3] + last + "==")


@pytest.mark.parametrize(("api_key", "secret", "field"), [
    ("x" * 31, "y" * 16, "api_key"),
    ("x" * 33, "y" * 16, "api_key"),
    ("x" * 32, "y" * 15, "password"),
    ("x" * 32, "y" * 17, "password"),
    ("é" * 32, "y" * 16, "api_key"),  # 32 characters, 64 bytes
])  # fmt: skip
def test_v1_keys_of_the_wrong_length_are_named_and_never_cut(api_key: str, secret: str, field: str) -> None:
    with pytest.raises(ValueError, match=field) as error:
        cipher_for("v1", api_key, secret)
    assert api_key not in str(error.value)
    assert secret not in str(error.value)


def test_v1_keys_may_be_sixteen_characters_that_are_no_ascii() -> None:
    cipher = V1("é" * 16, "é" * 8)
    assert cipher.decrypt(cipher.encrypt(b"{}")) == b"{}"


@pytest.mark.parametrize("plaintext", [b"[]", b'"word"', b"1", b"null", b"\xff{}", b"", b"[" * 100_000])
def test_only_a_json_object_is_an_answer(plaintext: bytes) -> None:
    for cipher in (V1(API_KEY, SECRET), V2(SECRET)):
        with pytest.raises(ValueError, match="decrypt"):
            json_object(cipher, cipher.encrypt(plaintext))


def test_one_more_data_is_unwrapped() -> None:
    cipher = V2(SECRET)
    assert json_object(cipher, cipher.encrypt(b'{"data": {"status": "SUCCESS"}}')) == {"status": "SUCCESS"}
