"""Who may do what: one gate that every request passes, and says which rule decided.

Three kinds of caller: a program on this machine while nothing is required (*local*), the bearer of
a key that `lingjing access key create` made, and the bearer of a token that an OpenID Connect
issuer signed. Each has one role, and the tenants it may enter; tenants are walls.
"""

from __future__ import annotations

import threading
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args

import msgspec

from lingjing.engine.access_keys import KeyRing
from lingjing.engine.access_tokens import OidcSettings, TokenReader
from lingjing.engine.settings import TWIN_FILE, open_ledger, store_url
from lingjing.twin.ledger import Ledger
from lingjing.vocabulary import LingjingError, Place

Role = Literal["read", "sense", "operate", "administer"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)

GRANTS: Final[dict[Role, frozenset[Role]]] = {
    "read": frozenset({"read"}),
    # A sensor's key that is stolen shall not open the district's records.
    "sense": frozenset({"sense"}),
    "operate": frozenset({"read", "sense", "operate"}),
    "administer": frozenset(ROLES),
}
"""What each role may do."""

ACCESS_FILE: Final = "access.toml"
ANY_TENANT: Final = "*"
_KEPT_S: Final = 2.0
_MOST_KEPT: Final = 10_000


class Principal(msgspec.Struct, frozen=True):
    """Who asks.

    Attributes:
        name: For logs and audits: `local`, `anonymous`, `key:<id>` or `token:<subject>`.
        role: What it may do, see `GRANTS`.
        tenants: Whose twins it may enter; `*` is all.
        rule: Why it has that role.
    """

    name: str
    role: Role
    tenants: frozenset[str]
    rule: str


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds on what one request may ask.

    Attributes:
        body_bytes: Largest body [bytes].
        depth: Deepest nesting of a JSON body.
        batch_entities: Most entities in one batch.
        page: Entities on a page where the request does not say.
        page_most: Most entities on a page.
        query_documents: Most documents that one query may look at.
        query_characters: Longest query text.
        join_level: Most relationships that are followed to linked entities.
        temporal_instances: Most instances of one answer about the past; then it is partial (206).
        request_s: Longest time that one request may take [s].
    """

    body_bytes: int = 16 * 1024 * 1024
    depth: int = 64
    batch_entities: int = 10_000
    page: int = 20
    page_most: int = 1000
    query_documents: int = 1_000_000
    query_characters: int = 10_000
    join_level: int = 10
    temporal_instances: int = 1_000
    request_s: float = 60.0


class Outgoing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the twin itself may call: notifications and remote `@context`s.

    Attributes:
        networks: In CIDR form, such as `10.1.0.0/16`; loopback is always allowed.
    """

    networks: tuple[str, ...] = ()


class Doors(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who comes in at all.

    Attributes:
        required: Everyone needs a key or a token, on this machine too.
        anonymous: What may be done without: nothing, or reading.
        hosts: Names answered beside those of this machine.
    """

    required: bool = False
    anonymous: Literal["none", "read"] = "none"
    hosts: tuple[str, ...] = ()


class AccessSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `access.toml` says; everything has a safe default.

    `contexts` names files (from the data folder) that hold the `@context` of an address, for use
    without a network.
    """

    access: Doors = Doors()
    oidc: OidcSettings | None = None
    outgoing: Outgoing = Outgoing()
    limits: Limits = Limits()
    contexts: dict[str, str] = {}


def read_settings(path: Path) -> AccessSettings:
    """Read the settings; a file that is absent means the defaults.

    Raises:
        LingjingError: `access.bad-settings`, with the place.
    """
    if not path.is_file():
        return AccessSettings()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return msgspec.convert(content, AccessSettings)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise LingjingError(
            "access.bad-settings", Place(file=str(path)), detail=str(error)
        ) from error


def require_somebody(data: Path, store: str | None) -> None:
    """Refuse to serve beyond this machine where nobody could come in, before anything is made.

    Args:
        data: The data folder; it may be absent, and stays so.
        store: Address of the twin, where it is not the file in the folder.

    Raises:
        LingjingError: `access.not-configured`; what reading the settings and the twin raises.
    """
    if read_settings(data / ACCESS_FILE).oidc is not None:
        return
    if store_url(store) is None and not (data / TWIN_FILE).is_file():
        raise LingjingError("access.not-configured")
    try:
        with open_ledger(data, store, read_only=True) as ledger:
            has_key = KeyRing(ledger).any()
    except LingjingError as error:
        if error.code != "twin.older-schema":
            raise
        # One that must be brought forward first is asked again once it is open; where there are
        # no tables at all, there are no keys.
        has_key = error.values.get("found") != 0
    if not has_key:
        raise LingjingError("access.not-configured")


class Gate:
    """Decides who asks and whether they may.

    Args:
        settings: Of `access.toml`.
        ledger: Where keys are kept.
        folder: Where files named in the settings lie.
        beyond_loopback: The server can be reached from elsewhere; then everyone needs a key or a
            token, since a request from this machine may be one that a proxy here passes on.

    Raises:
        LingjingError: `access.not-configured` where it can be reached and nobody could come in.
    """

    def __init__(
        self,
        settings: AccessSettings,
        ledger: Ledger,
        folder: Path,
        *,
        beyond_loopback: bool = False,
    ) -> None:
        self.settings = settings
        self._keys = KeyRing(ledger)
        self._tokens = TokenReader(settings.oidc, folder) if settings.oidc else None
        self.is_open = not (settings.access.required or beyond_loopback)
        if beyond_loopback and self._tokens is None and not self._keys.any():
            raise LingjingError("access.not-configured")
        self._kept: dict[str, tuple[float, Principal]] = {}
        self._lock = threading.Lock()

    def principal(self, headers: Mapping[str, str]) -> Principal:
        """Who asks, by the headers `Authorization` and `X-API-Key` (lower-case names).

        A key that was revoked opens for two seconds more at the most.

        Raises:
            LingjingError: `access.needed`, `access.unknown-key`, `access.expired-key`,
                `access.bad-token`, `access.unknown-scheme`.
        """
        shown = headers.get("authorization") or headers.get("x-api-key") or ""
        if not shown:
            return self._without()
        now = time.monotonic()
        kept = self._kept.get(shown)
        if kept is not None and kept[0] > now:
            return kept[1]
        found = self._look_up(headers)
        with self._lock:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[shown] = (now + _KEPT_S, found)
        return found

    def admit(self, headers: Mapping[str, str], role: str, tenant: str) -> Principal:
        """Who asks, if they may do this in this tenant's twin.

        Raises:
            LingjingError: As `principal`; `access.role`, `access.tenant`.
        """
        who = self.principal(headers)
        if role not in GRANTS[who.role]:
            raise LingjingError(
                "access.role", who=who.name, held=who.role, needed=role, rule=who.rule
            )
        if ANY_TENANT not in who.tenants and tenant not in who.tenants:
            raise LingjingError("access.tenant", who=who.name, tenant=tenant or "—", rule=who.rule)
        return who

    def _without(self) -> Principal:
        if self.is_open:
            return Principal("local", "administer", frozenset({ANY_TENANT}), "open-on-loopback")
        if self.settings.access.anonymous == "read":
            return Principal("anonymous", "read", frozenset({""}), "anonymous-may-read")
        raise LingjingError("access.needed")

    def _look_up(self, headers: Mapping[str, str]) -> Principal:
        key = headers.get("x-api-key", "")
        if not key:
            scheme, _, key = headers["authorization"].partition(" ")
            key = key.strip()
            if scheme.lower() != "bearer" or not key:
                raise LingjingError("access.unknown-scheme")
        if KeyRing.looks_like_key(key):
            record = self._keys.verify(key)
            return Principal(
                f"key:{record.id}",
                _role(record.role),
                frozenset(record.tenants),
                f"key {record.id} has the role {record.role}",
            )
        if self._tokens is None:
            raise LingjingError("access.unknown-key")
        return self._of_token(self._tokens.read(key))

    def _of_token(self, claims: Mapping[str, Any]) -> Principal:
        settings = self.settings.oidc
        if settings is None:  # pragma: no cover - tokens are only read where it is set
            raise LingjingError("access.unknown-key")
        subject = str(claims.get("sub", "?"))
        held = [
            role
            for name, role in settings.roles.items()
            if name in _texts(claims, settings.role_claim)
        ]
        if not held:
            raise LingjingError("access.no-role", who=f"token:{subject}", claim=settings.role_claim)
        role = max((_role(item) for item in held), key=ROLES.index)
        tenants = frozenset(_texts(claims, settings.tenant_claim)) or frozenset({""})
        return Principal(
            f"token:{subject}", role, tenants, f"claim {settings.role_claim} gives the role {role}"
        )


def _texts(claims: Mapping[str, Any], name: str) -> list[str]:
    """A claim that is a list of texts, or one text of words; a path goes through objects."""
    value: Any = claims
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        return value.split()
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _role(name: str) -> Role:
    for role in ROLES:
        if role == name:
            return role
    raise LingjingError("access.unknown-role", name=name, known=", ".join(ROLES))
