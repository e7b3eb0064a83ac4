"""Keys derived from a connection's own secret: they seal tokens and fingerprint payments, and need no set-up."""

from __future__ import annotations

import base64
import hashlib

NONCE = 12
TAG = 16


def derived_key(secret: str, purpose: str, salt: str) -> bytes:
    """32 bytes by HKDF-SHA256. Another secret, purpose or salt gives an unrelated key."""
    from Crypto.Hash import SHA256
    from Crypto.Protocol.KDF import HKDF

    key = HKDF(secret.encode(), 32, salt.encode(), SHA256, context=b"paygate " + purpose.encode())
    assert isinstance(key, bytes)  # noqa: S101 - one key was asked for, so it is not a tuple
    return key


def key_id_of(key: bytes) -> str:
    """A name for a key that tells nothing of it."""
    return hashlib.sha256(b"paygate key id\0" + key).hexdigest()[:16]


class Seal:
    """Encrypts small texts at rest with AES-256-GCM, bound to the row they belong to."""

    def __init__(self, key: bytes, row: str) -> None:
        self._key, self._row = key, row.encode()

    def close(self, text: str) -> str:
        """The sealed text as base64."""
        from Crypto.Cipher import AES
        from Crypto.Random import get_random_bytes

        nonce = get_random_bytes(NONCE)
        cipher = AES.new(self._key, AES.MODE_GCM, nonce=nonce)
        cipher.update(self._row)
        ciphertext, tag = cipher.encrypt_and_digest(text.encode())
        return base64.b64encode(nonce + ciphertext + tag).decode()

    def open(self, sealed: str | None) -> str | None:
        """The text, or None when it was sealed with another key, for another row, or is damaged: then it is no token."""
        from Crypto.Cipher import AES

        try:
            message = base64.b64decode(sealed or "", validate=True)
            nonce, ciphertext, tag = message[:NONCE], message[NONCE:-TAG], message[-TAG:]
            cipher = AES.new(self._key, AES.MODE_GCM, nonce=nonce)
            cipher.update(self._row)
            return bytes(cipher.decrypt_and_verify(ciphertext, tag)).decode()
        except ValueError:
            return None
