"""Bearer tokens that an OpenID Connect issuer signed."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from lingjing.vocabulary import LingjingError, Place

_KEPT_S: Final = 300.0
_LEAST_BETWEEN_S: Final = 10.0
_FETCH_S: Final = 5.0
_MOST_BYTES: Final = 1 << 20


class OidcSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose tokens are believed.

    Attributes:
        issuer: Must be the token's `iss`.
        audience: Must be in the token's `aud`.
        jwks_file: File with the issuer's public keys, beside `access.toml`.
        jwks_uri: Where they are fetched instead, and again every five minutes.
        algorithms: Signatures believed; never `none`, and no shared secrets.
        role_claim: Claim with the person's roles; dots go into objects.
        tenant_claim: Claim with the tenants; without it only the default tenant is open.
        roles: Name of a role at the issuer → role here.
        leeway_s: How far the clocks may be apart [s].
    """

    issuer: str
    audience: str
    jwks_file: str | None = None
    jwks_uri: str | None = None
    algorithms: tuple[str, ...] = ("RS256", "ES256", "PS256", "EdDSA")
    role_claim: str = "roles"
    tenant_claim: str = "tenants"
    roles: dict[str, str] = {}
    leeway_s: int = 30


class TokenReader:
    """Checks tokens against the issuer's keys.

    Raises:
        LingjingError: `access.bad-settings`: neither or both of file and address, an algorithm
            that proves nothing, or a file that holds no keys.
    """

    def __init__(self, settings: OidcSettings, folder: Path) -> None:
        self._settings = settings
        self._file = folder / settings.jwks_file if settings.jwks_file else None
        weak = [name for name in settings.algorithms if name == "none" or name.startswith("HS")]
        if weak:
            raise _bad(f"oidc.algorithms: {', '.join(weak)}")
        if (settings.jwks_file is None) == (settings.jwks_uri is None):
            raise _bad("oidc: jwks_file | jwks_uri")
        self._lock = threading.Lock()
        self._keys: KeySet | None = None
        self._fetched = -_KEPT_S
        self._claims = jwt.JWTClaimsRegistry(
            leeway=settings.leeway_s,
            iss={"essential": True, "value": settings.issuer},
            aud={"essential": True, "value": settings.audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        if self._file is not None:
            self._keys = self._read()

    def read(self, text: str) -> Mapping[str, Any]:
        """The claims of a token.

        Raises:
            LingjingError: `access.bad-token`, `access.issuer-unreachable`.
        """
        try:
            try:
                token = jwt.decode(text, self._key_set(), algorithms=self._settings.algorithms)
            except ValueError:
                # A key the issuer made since the last fetch, or a wrong one.
                token = jwt.decode(
                    text, self._key_set(anew=True), algorithms=self._settings.algorithms
                )
            self._claims.validate(token.claims)
        except (JoseError, ValueError, TypeError) as error:
            raise LingjingError("access.bad-token", detail=_why(error)) from None
        return token.claims

    def _key_set(self, *, anew: bool = False) -> KeySet:
        with self._lock:
            age = time.monotonic() - self._fetched
            stale = age > _KEPT_S or (anew and age > _LEAST_BETWEEN_S)
            if self._keys is None or (self._file is None and stale):
                self._keys = self._fetch()
                self._fetched = time.monotonic()
            return self._keys

    def _read(self) -> KeySet:
        path = self._file or Path()
        try:
            return _key_set_of(path.read_bytes())
        except (OSError, ValueError, KeyError, JoseError, msgspec.DecodeError) as error:
            raise _bad(f"{path.name}: {_why(error)}") from error

    def _fetch(self) -> KeySet:
        address = self._settings.jwks_uri or ""
        try:
            with httpx.stream("GET", address, timeout=_FETCH_S, follow_redirects=False) as answer:
                answer.raise_for_status()
                body = b""
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > _MOST_BYTES:
                        raise ValueError("too large")
            return _key_set_of(body)
        except (httpx.HTTPError, ValueError, KeyError, JoseError, msgspec.DecodeError) as error:
            if self._keys is not None:
                return self._keys
            raise LingjingError("access.issuer-unreachable", detail=_why(error)) from error


def _key_set_of(body: bytes) -> KeySet:
    return KeySet.import_key_set(msgspec.json.decode(body))


def _why(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]


def _bad(detail: str) -> LingjingError:
    return LingjingError("access.bad-settings", Place(file="access.toml"), detail=detail)
