"""The page on access shows settings that are read, all of them, and every refusal."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec

from lingjing.engine.access import GRANTS, AccessSettings, Doors, Limits
from lingjing.engine.access_tokens import OidcSettings
from lingjing.vocabulary import error_texts

PAGE = (Path(__file__).resolve().parents[2] / "docs/reference/access.md").read_text("utf-8")


def shown() -> dict[str, dict[str, object]]:
    block = re.search(r"^```toml\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert block is not None
    return tomllib.loads(block[1])


def test_the_settings_shown_are_taken_and_the_limits_are_the_defaults() -> None:
    settings = msgspec.convert(shown(), AccessSettings)
    assert settings.limits == Limits()
    assert settings.oidc is not None
    assert settings.oidc.roles["duty-officer"] == "operate"


def test_every_setting_is_shown() -> None:
    page = shown()
    assert set(page) == set(AccessSettings.__struct_fields__)
    assert set(page["limits"]) == set(Limits.__struct_fields__)
    assert set(page["access"]) == set(Doors.__struct_fields__)
    left_out = {"jwks_uri", "algorithms", "leeway_s"}
    assert set(page["oidc"]) == set(OidcSettings.__struct_fields__) - left_out


def test_every_code_and_role_is_named() -> None:
    codes = {code for code in error_texts() if code.startswith("access.")}
    assert codes == set(re.findall(r"`(access\.[a-z-]+)`", PAGE)) - {"access.toml"}
    for role in GRANTS:
        assert f"| `{role}` |" in PAGE
