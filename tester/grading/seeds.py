"""The seeds of a grading run: public ones, and hidden ones derived from an instructor's secret."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final

LEAST_SECRET: Final = 32
"""Bytes of a secret."""
_MOST_SECRET: Final = 1 << 16
"""More are no secret, but a device or another file."""
_VERSION: Final = b"labtester-seed-v1"


class BadSecret(Exception):
    """The file with the secret cannot be used: one sentence that names it and the remedy."""


def hidden_seed(secret: bytes, assignment: str, test: str, subject: str, index: int) -> int:
    """A seed nobody can compute without the secret: HMAC-SHA256, its first 8 bytes.

    Each field goes in with its length, so that no two lists of fields are the same message.
    """
    fields = (assignment, test, subject, str(index))
    message = _VERSION + b"".join(
        len(field.encode()).to_bytes(4, "big") + field.encode() for field in fields
    )
    return int.from_bytes(hmac.new(secret, message, hashlib.sha256).digest()[:8], "big")


def subject_of(students: Iterable[str]) -> str:
    """Whose seeds they are: a student, or a group whose members come in any order."""
    return "+".join(sorted(students))


def commitment(secret: bytes) -> str:
    """What can be published before the secret is: it shows later that nothing was exchanged."""
    return hashlib.sha256(secret).hexdigest()


def new_secret() -> str:
    """A fresh secret, as a line of text."""
    return secrets.token_hex(LEAST_SECRET) + "\n"


def read_secret(file: Path) -> bytes:
    """The secret in a file, without the white space around it. Raises BadSecret."""
    try:
        with file.open("rb") as stream:
            secret = stream.read(_MOST_SECRET + 1).strip()
    except (OSError, ValueError) as error:
        got = error.strerror if isinstance(error, OSError) else error
        raise BadSecret(
            f"{file}: expected the secret that hidden seeds are derived from, got "
            f"{got}; `labtester new LAB DIR --instructor` writes one"
        ) from None
    if not LEAST_SECRET <= len(secret) <= _MOST_SECRET:
        limit = f"at most {_MOST_SECRET} bytes, got more"
        if len(secret) < LEAST_SECRET:
            limit = f"at least {LEAST_SECRET} bytes, got {len(secret)}"
        raise BadSecret(
            f"{file}: expected a secret of {limit}; "
            "`labtester new LAB DIR --instructor` writes one"
        )
    return secret
