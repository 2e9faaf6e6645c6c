"""Install what the tests need beyond Python packages, or say which tests will be skipped.

Run by `make test`. A browser, a Chinese font, PostgreSQL with PostGIS and an MQTT broker come from
the system's packages where this may install them (as root, or with sudo that asks no password); the
browser else from Playwright's own download.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def has_browser() -> bool:
    """Whether a Chromium is there: named, on the PATH, or downloaded by Playwright."""
    if os.environ.get("LINGJING_CHROMIUM") or any(shutil.which(name) for name in BROWSERS):
        return True
    program = (
        "from playwright.sync_api import sync_playwright as s\nimport pathlib, sys\n"
        "with s() as p: sys.exit(0 if pathlib.Path(p.chromium.executable_path).exists() else 1)"
    )
    return subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def has_chinese_font() -> bool:
    """Whether some installed font draws Chinese."""
    if not shutil.which("fc-list"):
        return False
    listed = subprocess.run(
        ["fc-list", ":lang=zh-cn", "family"], capture_output=True, text=True, check=False
    )
    return bool(listed.stdout.strip())


def has_postgres() -> bool:
    """Whether some PostgreSQL is there that has PostGIS."""
    if os.environ.get("LINGJING_POSTGRES_BIN"):
        return True
    return any(
        (Path("/usr/share/postgresql") / home.parent.name / "extension/postgis.control").exists()
        for home in Path("/usr/lib/postgresql").glob("*/bin")
        if (home / "initdb").exists()
    )


def has_mosquitto() -> bool:
    """Whether an MQTT broker is there that keeps messages while nobody listens."""
    return bool(shutil.which("mosquitto")) or Path("/usr/sbin/mosquitto").exists()


def apt_install(*packages: str) -> bool:
    """Install Debian packages if this may; whether it worked."""
    if not shutil.which("apt-get"):
        return False
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if prefix and (not shutil.which("sudo") or subprocess.run(
        ["sudo", "-n", "true"], capture_output=True, check=False
    ).returncode):  # fmt: skip
        return False
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-q"],
        ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages],
    ):
        done = subprocess.run(
            [*prefix, *command], env=environment, check=False, stdout=subprocess.DEVNULL
        )
        if done.returncode:
            return False
    return True


def main() -> None:
    """Bring what is absent; name what stays absent."""
    if not has_browser():
        print("No Chromium here: installing one for the browser tests", flush=True)
        if not apt_install("chromium"):
            subprocess.run(
                [sys.executable, "-m", "playwright", "install", "chromium"],
                check=False,
                timeout=600,
            )
    if not has_chinese_font():
        print("No Chinese font here: installing one for pages and figures", flush=True)
        apt_install("fonts-noto-cjk", "fontconfig")
    if not has_postgres():
        print("No PostgreSQL with PostGIS here: installing it for the tests", flush=True)
        apt_install("postgresql", "postgresql-15-postgis-3") or apt_install(
            "postgresql", "postgis", "postgresql-postgis"
        )
    if not has_mosquitto():
        print("No MQTT broker here: installing mosquitto for the tests", flush=True)
        apt_install("mosquitto")
    if not has_postgres():
        print("SKIPPED: no PostgreSQL with PostGIS; what is tried on both drivers is tried on one")
    if not has_mosquitto():
        print("SKIPPED: no mosquitto; two tests in tests/unit/engine/test_ingest_mqtt.py")
    if not has_browser():
        print("SKIPPED: no Chromium could be installed; tests/browser will be skipped")
    if not has_chinese_font():
        print("SKIPPED: no Chinese font could be installed; figures are labelled in English only")


if __name__ == "__main__":
    main()
