"""The sandbox's encryption against vectors that three other implementations agree on (specs/paywize.md §3.4)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_paygate.sandbox.paywize.cipher import V1, V2, Undecryptable, signature

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors" / "paywize.json").read_text())
KEYS = {key["id"]: key for key in VECTORS["keys"]}


def named(kind: str) -> list[Any]:
    return [pytest.param(vector, id=f"{vector['name']}-{vector.get('key_id')}") for vector in VECTORS[kind]]


def v1(vector: dict[str, Any]) -> V1:
    key = KEYS[vector["key_id"]]
    return V1(key["api_key"], key["secret_key"])


def v2(vector: dict[str, Any]) -> V2:
    return V2(vector.get("secret_key") or KEYS[vector["key_id"]]["secret_key"])


@pytest.mark.parametrize("vector", named("v1"))
def test_v1_gives_the_published_bytes_and_reads_them_back(vector: dict[str, Any]) -> None:
    assert v1(vector).encrypt(vector["plaintext"]) == vector["ciphertext_b64"]
    assert v1(vector).decrypt(vector["ciphertext_b64"]) == vector["plaintext"]


@pytest.mark.parametrize("vector", named("v2"))
def test_v2_reads_the_published_bytes_and_its_own(vector: dict[str, Any]) -> None:
    assert v2(vector).decrypt(vector["wire_b64"]) == vector["plaintext"]
    assert v2(vector).decrypt(v2(vector).encrypt(vector["plaintext"])) == vector["plaintext"]


def test_v2_never_uses_a_nonce_twice() -> None:
    cipher = V2("secret")
    assert cipher.encrypt("same") != cipher.encrypt("same")


@pytest.mark.parametrize("vector", named("v1_negative"))
def test_v1_refuses_what_is_not_its_own(vector: dict[str, Any]) -> None:
    try:
        text = v1(vector).decrypt(vector["ciphertext_b64"])
    except Undecryptable:
        return
    # CBC has no seal: a wrong IV goes unnoticed until the text is read as JSON.
    assert vector["observed_with_cryptography"] == "decrypts_not_json"
    with pytest.raises(ValueError, match=r"Expecting|delimiter|control"):
        json.loads(text)


@pytest.mark.parametrize("vector", named("v2_negative"))
def test_v2_refuses_every_change(vector: dict[str, Any]) -> None:
    with pytest.raises(Undecryptable):
        v2(vector).decrypt(vector["wire_b64"])


def test_keys_of_the_wrong_length_are_refused_not_cut() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        V1("x" * 33, "y" * 16)


@pytest.mark.parametrize("vector", VECTORS["hmac_webhook"])
def test_signatures_are_the_published_ones(vector: dict[str, Any]) -> None:
    body = vector["raw_body"]
    signed = body if vector["hmac_input"] == "raw_body" else json.loads(body)["data"]
    assert signature(vector["hmac_key_value"], signed.encode()) == vector["hex"]
