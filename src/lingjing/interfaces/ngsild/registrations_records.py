"""Context-source registrations as they lie in the ledger: small records of the tenant."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from lingjing.twin.documents import micros

REGISTERED: Final = "csourceRegistrations"
"""First word of the collection of registrations, and the path."""


class Registration(msgspec.Struct, frozen=True):
    """A registration in the ledger.

    Attributes:
        kept: Its members of 5.2.9, names written out as IRIs (see `registrations_reading`).
        properties: Context-source properties: IRI → value as it was sent.
        created_us, modified_us: When it was made and last changed [µs since 1970 UTC].
    """

    kept: dict[str, Any]
    properties: dict[str, Any]
    created_us: int
    modified_us: int

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.kept["id"])

    def is_over(self, now_us: int) -> bool:
        """Whether it has expired."""
        return "expiresAt" in self.kept and micros(self.kept["expiresAt"]) <= now_us


encode_registration: Final = msgspec.json.Encoder().encode
decode_registration: Final = msgspec.json.Decoder(Registration).decode
