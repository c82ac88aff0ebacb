"""The settings of a public installation: what `check --deploy` says, and what plain http gets."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
ASK = """
import django; django.setup()
from django.test import Client
from django.conf import settings
for url in {urls!r}:
    answer = Client().get(url, headers={{"host": "shop.example.com"}}, secure={secure})
    print(answer.status_code, answer.get("Location", "-"), answer.get("Strict-Transport-Security", "-"))
print(settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE, settings.SESSION_COOKIE_HTTPONLY, settings.SESSION_COOKIE_SAMESITE)
"""


def run(tmp_path: Path, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run Python with a public installation's environment."""
    ours = {
        "ENV_FILE": os.devnull,
        "SECRET_KEY": "Sb7Wq2Zk9Tx4Lm1Vp8Ry3Nc6Hd0Jf5Gu_2Qe7Ax9Wz4Bt1Ks8Yv",
        "PUBLIC_URL": "https://shop.example.com",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}",
        "DJANGO_SETTINGS_MODULE": "ordersupport.settings",
        "PATH": os.environ["PATH"],
    }
    return subprocess.run([sys.executable, *command], cwd=ROOT, env=ours | environment, capture_output=True, text=True, check=False)


def asked(tmp_path: Path, *urls: str, secure: bool, **environment: str) -> list[str]:
    """Status, place and HSTS of each answer, then how the cookies are set."""
    done = run(tmp_path, "-c", ASK.format(urls=urls, secure=secure), **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_public_installation_passes_djangos_own_check(tmp_path: Path) -> None:
    done = run(tmp_path, "manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "System check identified no issues (2 silenced).\n")


def test_plain_http_is_sent_to_https_but_for_the_probes(tmp_path: Path) -> None:
    found = asked(tmp_path, "/login/", "/healthz", secure=False)
    assert found[:2] == ["301 https://shop.example.com/login/ -", "200 - -"]


def test_browsers_are_told_to_come_by_https_only(tmp_path: Path) -> None:
    assert asked(tmp_path, "/healthz", secure=True)[0] == "200 - max-age=31536000"


def test_cookies_travel_by_https_only_and_no_script_reads_them(tmp_path: Path) -> None:
    assert asked(tmp_path, secure=True)[-1] == "True True True Lax"


@pytest.mark.parametrize("environment", [{"DEBUG": "1"}, {"DEMO": "1"}, {"PUBLIC_URL": "http://shop.example.com"}])
def test_where_it_is_tried_out_plain_http_is_answered(tmp_path: Path, environment: dict[str, Any]) -> None:
    assert asked(tmp_path, "/login/", secure=False, **environment)[0] == "200 - -"
