"""What lies in deploy/: units that systemd takes, commands and settings that the product knows."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands

from tests.chaos.processes import ROOT

DEPLOY = ROOT / "deploy"
UNITS = sorted(path.name for path in (DEPLOY / "systemd").iterdir())
COMMANDS = re.compile(r"manage\.py[\"',\s]+(\w+)")


def documents() -> dict[str, str]:
    """Every file that starts something, by its name."""
    return {path.name: path.read_text() for path in DEPLOY.rglob("*") if path.is_file()}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not on this machine (Debian: apt-get install systemd)")
@pytest.mark.parametrize("unit", UNITS)
def test_systemd_takes_the_unit(unit: str, tmp_path: Path) -> None:
    for name in UNITS:
        # On this machine Python is somewhere else, and nobody is called ordersupport.
        text = (DEPLOY / "systemd" / name).read_text().replace("/srv/ordersupport/.venv/bin/python", sys.executable)
        (tmp_path / name).write_text(text)
    checked = tmp_path / unit.replace("@.", "@1.")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(checked)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if str(tmp_path) in line or "ordersupport" in line]) == (0, [])


@pytest.mark.parametrize("name", sorted(documents()))
def test_each_command_is_one_of_ours(name: str) -> None:
    assert set(COMMANDS.findall(documents()[name])) <= set(get_commands())


@pytest.mark.parametrize("service", ["web", "worker"])
def test_compose_starts_the_product_with_both_variables(service: str) -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert set(services[service]["environment"]) >= {"DATABASE_URL", "REDIS_URL"}
    assert set(services[service]["depends_on"]) <= set(services)


@pytest.mark.parametrize(("service", "unit"), [("web", "ordersupport-web.service"), ("worker", "ordersupport-worker@.service")])
def test_compose_gives_a_process_as_long_to_end_as_systemd(service: str, unit: str) -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert f"TimeoutStopSec={services[service]['stop_grace_period'].removesuffix('s')}\n" in documents()[unit]


@pytest.mark.parametrize("service", ["web", "worker"])
def test_compose_starts_nothing_without_the_key_that_all_share(service: str) -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert services[service]["environment"]["SECRET_KEY"].startswith("${SECRET_KEY:?")


def test_compose_builds_from_a_file_that_is_there() -> None:
    build = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["web"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == DEPLOY / "Dockerfile"


def test_the_images_files_are_all_that_the_doctor_needs(tmp_path: Path) -> None:
    copied = [name for line in (DEPLOY / "Dockerfile").read_text().splitlines() if line.startswith("COPY ") for name in line.split()[1:-1]]
    for name in copied:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name)
        else:
            shutil.copy(ROOT / name, tmp_path)
    told = subprocess.run(
        [sys.executable, "manage.py", "doctor"], cwd=tmp_path, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=120
    )
    assert (told.returncode, "WEBHOOK_SECRET" in told.stdout) == (0, True), told.stderr


def test_compose_publishes_the_pages_and_nothing_else() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert {name for name, service in services.items() if service.get("ports")} == {"web"}


def test_cleaning_up_leaves_an_installations_data() -> None:
    done = subprocess.run(["make", "--dry-run", "clean"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    removed = done.stdout.split()
    assert (".venv" in removed, [name for name in removed if name.startswith("var")]) == (True, [])
