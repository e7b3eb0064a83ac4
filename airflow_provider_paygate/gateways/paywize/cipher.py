"""How Paywize encrypts bodies: V1 is AES-256-CBC, V2 is AES-256-GCM (specs/paywize.md §3).

Both turn UTF-8 JSON into standard padded base64 and back. Decryption is strict: anything that is not exactly
what the gateway would have made raises ValueError, and never half a plaintext.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Protocol

BLOCK = 16
NONCE = 12
TAG = 16


class Cipher(Protocol):
    """Encrypts for, and decrypts from, one merchant."""

    def encrypt(self, plaintext: bytes) -> str: ...

    def decrypt(self, wire: str) -> bytes: ...


def cipher_for(encryption: str, api_key: str, secret_key: str) -> Cipher:
    """The cipher of a merchant. `encryption` is ``v1`` or ``v2``; wrong key lengths raise ValueError naming the field."""
    return V1(api_key, secret_key) if encryption == "v1" else V2(secret_key)


class V1:
    """AES-256-CBC with PKCS#7: key = the API key's 32 bytes, IV = the secret key's 16 bytes, the same every time.

    The format has no authentication: equal plaintexts show as equal, and a flipped bit goes unnoticed as long as
    the padding survives. Callers therefore demand strict UTF-8 and a JSON object (§3.1).
    """

    def __init__(self, api_key: str, secret_key: str) -> None:
        self._key, self._iv = api_key.encode(), secret_key.encode()
        if len(self._key) != 32:
            raise ValueError(f"api_key must be exactly 32 bytes for encryption v1, and is {len(self._key)}")
        if len(self._iv) != BLOCK:
            raise ValueError(
                f"password (the secret key) must be exactly 16 bytes for encryption v1, and is {len(self._iv)}"
            )

    def encrypt(self, plaintext: bytes) -> str:
        from Crypto.Cipher import AES

        padding = BLOCK - len(plaintext) % BLOCK
        padded = plaintext + bytes([padding]) * padding
        return base64.b64encode(AES.new(self._key, AES.MODE_CBC, self._iv).encrypt(padded)).decode()

    def decrypt(self, wire: str) -> bytes:
        from Crypto.Cipher import AES

        ciphertext = _base64(wire)
        if not ciphertext or len(ciphertext) % BLOCK:
            raise ValueError("the ciphertext is not a whole number of blocks")
        padded: bytes = AES.new(self._key, AES.MODE_CBC, self._iv).decrypt(ciphertext)
        padding = padded[-1]
        if not 1 <= padding <= BLOCK or padded[-padding:] != bytes([padding]) * padding:
            raise ValueError("the padding is wrong: another key, or damaged data")
        return padded[:-padding]


class V2:
    """AES-256-GCM: key = SHA-256 of the secret key, wire = nonce (12) ‖ ciphertext ‖ tag (16), no associated data."""

    def __init__(self, secret_key: str) -> None:
        if not secret_key:
            raise ValueError("password (the secret key) is empty")
        self._key = hashlib.sha256(secret_key.encode()).digest()

    def encrypt(self, plaintext: bytes) -> str:
        from Crypto.Cipher import AES
        from Crypto.Random import get_random_bytes

        nonce = get_random_bytes(NONCE)
        ciphertext, tag = AES.new(self._key, AES.MODE_GCM, nonce=nonce).encrypt_and_digest(plaintext)
        return base64.b64encode(nonce + ciphertext + tag).decode()

    def decrypt(self, wire: str) -> bytes:
        from Crypto.Cipher import AES

        message = _base64(wire)
        if len(message) < NONCE + TAG:
            raise ValueError("the message is too short to hold a nonce and a tag")
        nonce, ciphertext, tag = message[:NONCE], message[NONCE:-TAG], message[-TAG:]
        plaintext: bytes = AES.new(self._key, AES.MODE_GCM, nonce=nonce).decrypt_and_verify(ciphertext, tag)
        return plaintext


def _base64(wire: str) -> bytes:
    try:
        message = base64.b64decode(wire, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64") from error
    # Python forgives stray bits in the last character; two spellings of one message would slip past a byte check.
    if base64.b64encode(message).decode() != wire:
        raise ValueError("not canonical base64")
    return message
