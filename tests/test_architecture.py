"""The shape of the house: who may import whom, what is pinned, and how long a piece of code may get."""

import ast
import os
import re
import subprocess
import sys
from importlib.metadata import distributions
from itertools import pairwise
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parent.parent
APPS = ("ordersupport", "orders", "chat", "accounts")
SOURCES = sorted(path for app in APPS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts)


def test_imports_go_downwards_only(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    # It sets up logging for itself, which would switch off every logger of ours for the tests that follow.
    monkeypatch.setattr("logging.config.dictConfig", lambda _wanted: None)
    status = lint_imports(str(ROOT / "pyproject.toml"), no_cache=True, no_logo=True)
    assert status == 0, capsys.readouterr().out


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_it_is_for_and_stays_short(path: Path) -> None:
    tree = ast.parse(path.read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    too_long = [f"{node.name} ({node.end_lineno - node.lineno + 1})" for node in functions if (node.end_lineno or 0) - node.lineno >= 40]
    assert (ast.get_docstring(tree) is not None or path.name == "__init__.py", too_long, len(path.read_text().splitlines()) <= 300) == (
        True,
        [],
        True,
    )


def test_every_installed_package_is_pinned() -> None:
    pinned = dict(re.findall(r"^([a-z0-9][\w.-]*)==([^\s;]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    pinned |= dict(re.findall(r"^([a-z0-9][\w.-]*)==([^\s;]+)", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE))
    installed = {re.sub(r"[-_.]+", "-", found.name).lower(): found.version for found in distributions()}
    tools = {"pip", "setuptools", "wheel", "pip-tools", "build", "pyproject-hooks"}
    loose = {name: version for name, version in installed.items() if name not in tools and pinned.get(name) != version}
    assert loose == {}


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt", "requirements-audit.txt"])
def test_every_package_has_its_reason(file: str) -> None:
    lines = [line for line in (ROOT / file).read_text().splitlines() if re.match(r"[a-z0-9]", line)]
    assert [line for line in lines if not re.search(r" # \S", line)] == []


def test_every_variable_has_a_comment_of_its_own() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    bare = [line for before, line in pairwise(lines) if re.match(r"[A-Z_]+=", line) and not re.match(r"# (?!---)", before)]
    assert bare == []


def test_every_lock_says_whether_others_may_point_to_the_row_meanwhile() -> None:
    """Without `no_key=True` PostgreSQL makes whoever inserts a row that points there wait, and two who do that wait in a circle."""
    calls = [node for path in SOURCES for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    locks = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "select_for_update"]
    silent = [ast.unparse(call) for call in locks if "no_key" not in {word.arg for word in call.keywords}]
    assert (silent, len(locks) > 10) == ([], True)


def test_only_the_settings_read_the_environment() -> None:
    readers = [path.relative_to(ROOT).as_posix() for path in SOURCES if "os.environ" in path.read_text()]
    assert readers == ["ordersupport/asgi.py", "ordersupport/env.py", "ordersupport/settings.py", "ordersupport/wsgi.py"]


def test_the_environment_file_names_every_variable_that_is_read() -> None:
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', (ROOT / "ordersupport/settings.py").read_text()))
    named = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert read - named == set()


def test_a_process_that_calls_nobody_loads_nothing_that_only_callers_need() -> None:
    code = "import django, sys; django.setup(); import ordersupport.asgi, ordersupport.urls; print([n for n in sys.modules if n in SDKS])"
    program = code.replace("SDKS", "{'vonage', 'vonage_http_client', 'sib_api_v3_sdk', 'pydantic', 'redis', 'jwt', 'cryptography'}")
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_a_start_loads_is_never_looked_through_for_rubbish_and_what_comes_later_is() -> None:
    code = "import gc; print(gc.isenabled(), gc.get_freeze_count() > 100_000)"
    command = [sys.executable, "manage.py", "shell", "-v0", "-c", code]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]
