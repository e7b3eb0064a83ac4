"""Paywize's two encryptions (specs/paywize.md §3), with the `cryptography` library: the client uses another one."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher as _Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC

_BLOCK = 16
_NONCE = 12
_TAG = 16


class Undecryptable(ValueError):
    """The text is not base64, was made with other keys, or was changed on its way."""


class V1:
    """AES-256-CBC, the API key as the key and the secret as a fixed IV: equal texts give equal ciphertexts (§3.1)."""

    def __init__(self, api_key: str, secret_key: str) -> None:
        key, iv = api_key.encode(), secret_key.encode()
        if len(key) != 32 or len(iv) != _BLOCK:
            raise ValueError("V1 needs an API key of 32 bytes and a secret key of 16 bytes")
        self._cipher = _Cipher(AES256(key), CBC(iv))

    def encrypt(self, text: str) -> str:
        plain = text.encode()
        padding = _BLOCK - len(plain) % _BLOCK
        encryptor = self._cipher.encryptor()
        return _wire(encryptor.update(plain + bytes([padding]) * padding) + encryptor.finalize())

    def decrypt(self, wire: str) -> str:
        sealed = _bytes(wire)
        if not sealed or len(sealed) % _BLOCK:
            raise Undecryptable("not a whole number of blocks")
        decryptor = self._cipher.decryptor()
        padded = decryptor.update(sealed) + decryptor.finalize()
        padding = padded[-1]
        if not 1 <= padding <= _BLOCK or padded[-padding:] != bytes([padding]) * padding:
            raise Undecryptable("wrong padding")
        return _utf8(padded[:-padding])


class V2:
    """AES-256-GCM under SHA-256 of the secret; wire is nonce, ciphertext, tag (§3.2)."""

    def __init__(self, secret_key: str) -> None:
        self._cipher = AESGCM(hashlib.sha256(secret_key.encode()).digest())

    def encrypt(self, text: str) -> str:
        nonce = os.urandom(_NONCE)
        return _wire(nonce + self._cipher.encrypt(nonce, text.encode(), None))

    def decrypt(self, wire: str) -> str:
        sealed = _bytes(wire)
        if len(sealed) < _NONCE + _TAG:
            raise Undecryptable("too short")
        try:
            return _utf8(self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], None))
        except InvalidTag:
            raise Undecryptable("wrong tag") from None


def signature(key: str, message: bytes) -> str:
    """HMAC-SHA256 in hex, the form after `sha256=` in X-Paywize-Signature (§4.4)."""
    return hmac.new(key.encode(), message, hashlib.sha256).hexdigest()


def _wire(sealed: bytes) -> str:
    return base64.b64encode(sealed).decode()


def _bytes(wire: str) -> bytes:
    try:
        return base64.b64decode(wire, validate=True)
    except (binascii.Error, ValueError):
        raise Undecryptable("not base64") from None


def _utf8(plain: bytes) -> str:
    try:
        return plain.decode()
    except UnicodeDecodeError:
        raise Undecryptable("not UTF-8") from None
