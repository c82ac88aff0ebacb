"""The twins as a command, and what they must not know. What each API does is tested in tests/twins/."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

ROOT = Path(__file__).parent.parent
RULES = {"brevo.get_account": [{"fault": "status", "status": 503}]}


@pytest.fixture
def command(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """What a running command says of itself; it is ended with SIGTERM and must end well."""
    faults = tmp_path / "faults.json"
    faults.write_text(json.dumps(RULES))
    arguments = ["--tls", "--directory", str(tmp_path), "--environment-file", str(tmp_path / "twins.env"), "--faults", str(faults)]
    command = [sys.executable, "-m", "tests.twins", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0


def test_the_command_serves_both_providers_over_tls(command: dict[str, Any]) -> None:
    found = [requests.get(f"{command[name]}/_twin/state", verify=command["ca_file"]).status_code for name in ("vonage", "brevo")]
    assert found == [200, 200]


def test_the_command_writes_the_environment(command: dict[str, Any], tmp_path: Path) -> None:
    lines = (tmp_path / "twins.env").read_text().splitlines()
    assert dict(line.split("=", 1) for line in lines) == command["environment"]


def test_the_command_takes_faults_from_a_file(command: dict[str, Any]) -> None:
    answer = requests.get(f"{command['brevo']}/v3/account", verify=command["ca_file"])
    assert answer.status_code == 503


def test_the_twins_do_not_know_django() -> None:
    code = "import sys, tests.twins.__main__; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False).returncode == 0
