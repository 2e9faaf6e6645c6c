"""The gate: who comes in, what they may do, and which rule decides."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from lingjing.engine import access
from lingjing.engine.access import (
    ACCESS_FILE,
    ROLES,
    AccessSettings,
    Gate,
    read_settings,
    require_somebody,
)
from lingjing.engine.access_keys import COLLECTION, KeyRing
from lingjing.engine.access_tokens import OidcSettings
from lingjing.engine.settings import TWIN_FILE, open_ledger
from lingjing.twin.ledger import Ledger
from lingjing.twin.sqlite_ledger import SqliteLedger
from lingjing.vocabulary import LingjingError

ISSUER, AUDIENCE = "https://issuer.example", "lingjing"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = SqliteLedger(tmp_path / "twin.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def signer() -> ECKey:
    return ECKey.generate_key("P-256", {"kid": "one", "use": "sig"})


def settings(text: str, folder: Path) -> AccessSettings:
    page = folder / "access.toml"
    page.write_text(text, encoding="utf-8")
    return read_settings(page)


def refused(
    code: str, gate: Gate, headers: dict[str, str], role: str = "read", tenant: str = ""
) -> LingjingError:
    with pytest.raises(LingjingError) as caught:
        gate.admit(headers, role, tenant)
    assert caught.value.code == code
    return caught.value


def bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}


def oidc(folder: Path, signer: ECKey, **more: Any) -> AccessSettings:
    keys = KeySet([signer]).as_dict(private=False)
    (folder / "jwks.json").write_text(json.dumps(keys), encoding="utf-8")
    roles = {"duty-officer": "operate", "viewer": "read"}
    facts = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_file": "jwks.json", "roles": roles}
    return AccessSettings(oidc=OidcSettings(**{**facts, **more}))


def token(signer: ECKey, **more: Any) -> str:
    now = int(datetime.now(UTC).timestamp())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "officer-7",
        "exp": now + 600,
        "roles": ["duty-officer"],
        **more,
    }
    header = {"alg": "ES256", "kid": "one"}
    chosen = {key: value for key, value in claims.items() if value is not None}
    return jwt.encode(header, chosen, signer, algorithms=["ES256"])


def signed_with_the_public_key(public: bytes, claims: str) -> str:
    """A token of the attack that takes the issuer's public key for a shared secret."""
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"one"}').rstrip(b"=").decode()
    digest = hmac.new(public, f"{header}.{claims}".encode(), hashlib.sha256).digest()
    return f"{header}.{claims}." + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def test_on_loopback_without_settings_everything_is_open(ledger: Ledger, tmp_path: Path) -> None:
    gate = Gate(AccessSettings(), ledger, tmp_path)
    for role in ROLES:
        assert gate.admit({}, role, "any").rule == "open-on-loopback"


def test_beyond_loopback_nothing_starts_until_somebody_could_come_in(
    ledger: Ledger, tmp_path: Path
) -> None:
    with pytest.raises(LingjingError) as caught:
        Gate(AccessSettings(), ledger, tmp_path, beyond_loopback=True)
    assert caught.value.code == "access.not-configured"
    KeyRing(ledger).create("administer")
    refused("access.needed", Gate(AccessSettings(), ledger, tmp_path, beyond_loopback=True), {})


def test_a_key_opens_what_its_role_grants_and_no_more(ledger: Ledger, tmp_path: Path) -> None:
    gate = Gate(settings("[access]\nrequired = true\n", tmp_path), ledger, tmp_path)
    granted = {
        "read": {"read"},
        "sense": {"sense"},
        "operate": {"read", "sense", "operate"},
        "administer": set(ROLES),
    }
    for role, grants in granted.items():
        record, text = KeyRing(ledger).create(role)
        for wanted in ROLES:
            if wanted in grants:
                assert gate.admit(bearer(text), wanted, "").name == f"key:{record.id}"
            else:
                error = refused("access.role", gate, bearer(text), wanted)
                assert record.id in error.what("en")
                assert role in error.what("en")


def test_the_other_header_is_read_too(ledger: Ledger, tmp_path: Path) -> None:
    gate = Gate(AccessSettings(), ledger, tmp_path)
    record, text = KeyRing(ledger).create("read")
    assert gate.principal({"x-api-key": text}).name == f"key:{record.id}"


def test_tenants_are_walls(ledger: Ledger, tmp_path: Path) -> None:
    gate = Gate(AccessSettings(), ledger, tmp_path)
    _, east = KeyRing(ledger).create("operate", ("east",))
    _, everywhere = KeyRing(ledger).create("operate", ("*",))
    assert gate.admit(bearer(east), "operate", "east").tenants == {"east"}
    for tenant in ("", "west"):
        refused("access.tenant", gate, bearer(east), "read", tenant)
        gate.admit(bearer(everywhere), "read", tenant)


def test_a_key_that_is_wrong_by_one_character_is_unknown(ledger: Ledger, tmp_path: Path) -> None:
    gate = Gate(AccessSettings(), ledger, tmp_path)
    _, text = KeyRing(ledger).create("administer")
    changed = text[:-1] + ("A" if text[-1] != "A" else "B")
    for wrong in (changed, "lj_000000000000_" + text.split("_", 2)[2], "nonsense", "lj_"):
        refused("access.unknown-key", gate, bearer(wrong))


def test_a_scheme_other_than_bearer_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    gate = Gate(AccessSettings(), ledger, tmp_path)
    for header in ("Basic dXNlcjpwYXNz", "Bearer", "Bearer  "):
        refused("access.unknown-scheme", gate, {"authorization": header})


def test_a_revoked_key_stops_opening(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "_KEPT_S", 0.0)
    gate = Gate(AccessSettings(), ledger, tmp_path)
    record, text = KeyRing(ledger).create("read")
    gate.admit(bearer(text), "read", "")
    KeyRing(ledger).revoke(record.id)
    refused("access.unknown-key", gate, bearer(text))
    with pytest.raises(LingjingError) as caught:
        KeyRing(ledger).revoke(record.id)
    assert caught.value.code == "access.no-key"


def test_a_key_ends_when_it_was_to_end(ledger: Ledger, tmp_path: Path) -> None:
    gate = Gate(AccessSettings(), ledger, tmp_path)
    over = datetime.now(UTC) - timedelta(seconds=1)
    _, past = KeyRing(ledger).create("read", expires_at=over)
    _, future = KeyRing(ledger).create("read", expires_at=over + timedelta(days=1))
    refused("access.expired-key", gate, bearer(past))
    gate.admit(bearer(future), "read", "")


def test_the_secret_is_kept_nowhere(ledger: Ledger, tmp_path: Path) -> None:
    _, text = KeyRing(ledger).create("read")
    secret = text.split("_", 2)[2]
    kept = b"".join(body for _, body in ledger.notes("", COLLECTION))
    assert secret.encode() not in kept
    ledger.close()
    for page in tmp_path.rglob("*"):
        assert secret.encode() not in page.read_bytes()


def test_anonymous_reading_is_allowed_only_where_it_is_set(ledger: Ledger, tmp_path: Path) -> None:
    text = '[access]\nrequired = true\nanonymous = "read"\n'
    gate = Gate(settings(text, tmp_path), ledger, tmp_path)
    assert gate.admit({}, "read", "").rule == "anonymous-may-read"
    refused("access.role", gate, {}, "operate")
    refused("access.tenant", gate, {}, "read", "east")


def test_a_token_of_the_issuer_gives_the_role_that_is_registered(
    ledger: Ledger, tmp_path: Path, signer: ECKey
) -> None:
    gate = Gate(oidc(tmp_path, signer), ledger, tmp_path)
    who = gate.admit(bearer(token(signer)), "operate", "")
    assert (who.name, who.role) == ("token:officer-7", "operate")
    refused("access.role", gate, bearer(token(signer)), "administer")
    both = token(signer, roles="viewer duty-officer")
    assert gate.principal(bearer(both)).role == "operate"
    refused("access.no-role", gate, bearer(token(signer, roles=["stranger"])))
    refused("access.no-role", gate, bearer(token(signer, roles=None)))


def test_a_token_opens_the_tenants_it_names(ledger: Ledger, tmp_path: Path, signer: ECKey) -> None:
    gate = Gate(oidc(tmp_path, signer, tenant_claim="org.tenants"), ledger, tmp_path)
    text = token(signer, org={"tenants": ["east"]})
    gate.admit(bearer(text), "read", "east")
    refused("access.tenant", gate, bearer(text), "read", "")


def test_tokens_that_prove_nothing_are_refused(
    ledger: Ledger, tmp_path: Path, signer: ECKey
) -> None:
    gate = Gate(oidc(tmp_path, signer), ledger, tmp_path)
    stranger = ECKey.generate_key("P-256", {"kid": "one"})
    public = signer.as_pem(private=False)
    now = int(datetime.now(UTC).timestamp())
    unsigned = "eyJhbGciOiJub25lIn0." + token(signer).split(".")[1] + "."
    for text in (
        token(stranger),
        token(signer, iss="https://elsewhere.example"),
        token(signer, aud="another"),
        token(signer, exp=now - 3600),
        token(signer, exp=None),
        token(signer, sub=None),
        token(signer, nbf=now + 3600),
        unsigned,
        signed_with_the_public_key(public, token(signer).split(".")[1]),
        token(signer)[:-4] + "AAAA",
        "a.b.c",
    ):
        refused("access.bad-token", gate, bearer(text))


@pytest.mark.parametrize(
    "text",
    [
        "[access\n",
        "[access]\nrequired = 'yes'\n",
        "[access]\nrequierd = true\n",
        "[access]\nanonymous = 'operate'\n",
        "[limits]\nbody_bytes = 'many'\n",
        "[oidc]\nissuer = 'x'\n",
    ],
)
def test_settings_that_cannot_be_meant_are_refused_with_their_place(
    text: str, tmp_path: Path
) -> None:
    with pytest.raises(LingjingError) as caught:
        settings(text, tmp_path)
    assert caught.value.code == "access.bad-settings"
    assert caught.value.place is not None
    assert str(caught.value.place.file).endswith("access.toml")


@pytest.mark.parametrize(
    "change",
    [
        {"algorithms": ("HS256",)},
        {"algorithms": ("none",)},
        {"jwks_file": None},
        {"jwks_uri": "https://issuer.example/keys"},
        {"jwks_file": "absent.json"},
    ],
)
def test_an_issuer_that_proves_nothing_is_refused(
    change: dict[str, Any], ledger: Ledger, tmp_path: Path, signer: ECKey
) -> None:
    with pytest.raises(LingjingError) as caught:
        Gate(oidc(tmp_path, signer, **change), ledger, tmp_path)
    assert caught.value.code == "access.bad-settings"


def test_nothing_is_made_before_it_is_known_that_somebody_could_come_in(tmp_path: Path) -> None:
    folder = tmp_path / "absent"
    with pytest.raises(LingjingError) as caught:
        require_somebody(folder, None)
    assert caught.value.code == "access.not-configured"
    assert not folder.exists()


def test_a_twin_with_a_key_may_be_served_and_one_without_may_not(tmp_path: Path) -> None:
    with open_ledger(tmp_path) as ledger:
        with pytest.raises(LingjingError) as caught:
            require_somebody(tmp_path, None)
        assert caught.value.code == "access.not-configured"
        KeyRing(ledger).create("read")
        require_somebody(tmp_path, None)  # asked while another holds the twin
    require_somebody(tmp_path, None)


def test_who_may_come_in_by_tokens_needs_no_key(tmp_path: Path) -> None:
    settings = (
        '[oidc]\nissuer = "https://issuer.example"\naudience = "twin"\njwks_file = "keys.json"\n'
    )
    (tmp_path / ACCESS_FILE).write_text(settings, encoding="utf-8")
    require_somebody(tmp_path, None)
    assert not (tmp_path / TWIN_FILE).exists()


def test_a_database_without_tables_has_no_keys_and_gets_no_tables(
    tmp_path: Path, postgres_url: str
) -> None:
    with pytest.raises(LingjingError) as caught:
        require_somebody(tmp_path, postgres_url)
    assert caught.value.code == "access.not-configured"
    with pytest.raises(LingjingError) as still:
        open_ledger(tmp_path, postgres_url, read_only=True).__enter__()
    assert still.value.values["found"] == 0
    with open_ledger(tmp_path, postgres_url) as ledger:
        KeyRing(ledger).create("read")
    require_somebody(tmp_path, postgres_url)
