"""Keys that programs show: made once, shown once, kept only as a hash."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from lingjing.twin.documents import instant_text, micros
from lingjing.twin.ledger import DEFAULT_TENANT, Desk, Job, Ledger
from lingjing.vocabulary import LingjingError

COLLECTION: Final = "access-keys"
_SHAPE: Final = re.compile(r"lj_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")

_decode = msgspec.json.Decoder


class KeyRecord(msgspec.Struct, frozen=True):
    """What is kept of a key.

    Attributes:
        id: Shown in lists and logs.
        hash: SHA-256 of the secret part. The secret has 256 random bits, so it cannot be guessed
            from its hash and needs no slow one.
        role: See `access.GRANTS`.
        tenants: Whose twins it opens; `*` is all, the empty name the default tenant.
        note: Whom or what it is for.
        created_at, expires_at: ISO 8601 UTC; without the second it lasts until it is revoked.
    """

    id: str
    hash: str
    role: str
    tenants: tuple[str, ...]
    note: str
    created_at: str
    expires_at: str | None = None


_record: Final = msgspec.json.Decoder(KeyRecord).decode


class KeyRing:
    """The keys of a twin."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @staticmethod
    def looks_like_key(text: str) -> bool:
        """Whether the text has the form of a key."""
        return _SHAPE.fullmatch(text) is not None

    def create(
        self,
        role: str,
        tenants: Iterable[str] = (DEFAULT_TENANT,),
        note: str = "",
        expires_at: datetime | None = None,
    ) -> tuple[KeyRecord, str]:
        """Make a key; the text is given here and never again."""
        key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)

        def run(desk: Desk) -> KeyRecord:
            record = KeyRecord(
                key_id,
                _hash(secret),
                role,
                tuple(tenants),
                note,
                desk.now,
                expires_at.isoformat() if expires_at else None,
            )
            desk.put_note(COLLECTION, key_id, msgspec.json.encode(record))
            return record

        trunk = self._ledger.ensure_tenant(DEFAULT_TENANT)
        record = self._ledger.submit(Job(trunk, (), run)).result()
        return record, f"lj_{key_id}_{secret}"

    def list(self) -> list[KeyRecord]:
        """All keys, in order of id."""
        return [_record(body) for _, body in self._ledger.notes(DEFAULT_TENANT, COLLECTION)]

    def any(self) -> bool:
        """Whether there is a key at all."""
        return bool(self._ledger.notes(DEFAULT_TENANT, COLLECTION, limit=1))

    def revoke(self, key_id: str) -> None:
        """Take a key back.

        Raises:
            LingjingError: `access.no-key`.
        """

        def run(desk: Desk) -> bool:
            return desk.delete_note(COLLECTION, key_id)

        trunk = self._ledger.ensure_tenant(DEFAULT_TENANT)
        if not self._ledger.submit(Job(trunk, (), run)).result():
            raise LingjingError("access.no-key", id=key_id)

    def verify(self, text: str, now_us: int | None = None) -> KeyRecord:
        """The key's record.

        Raises:
            LingjingError: `access.unknown-key`, `access.expired-key`.
        """
        shape = _SHAPE.fullmatch(text)
        body = shape and self._ledger.note(DEFAULT_TENANT, COLLECTION, shape[1])
        record = _record(body) if body else None
        # The hash is computed and compared for unknown ids too, so that time tells nothing.
        given = _hash(shape[2] if shape else "")
        right = hmac.compare_digest(given, record.hash if record else "0" * 64)
        if record is None or not right:
            raise LingjingError("access.unknown-key")
        if record.expires_at and micros(record.expires_at) <= (now_us or _now_us()):
            raise LingjingError(
                "access.expired-key", id=record.id, at=instant_text(micros(record.expires_at))
            )
        return record


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _now_us() -> int:
    return micros(datetime.now().astimezone().isoformat())
