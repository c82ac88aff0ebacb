"""The look into the packages' known holes: what it says, and when it stops the build."""

from pathlib import Path
from typing import Any

import pytest

from tests import audit

HOLE = {"id": "PYSEC-2026-1", "fix_versions": ["2.0"]}


def package(name: str, **more: Any) -> dict[str, Any]:
    """As pip-audit's JSON has it."""
    return {"name": name, "version": "1.0", **more}


def test_a_hole_stops_the_build_and_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.told([package("good", vulns=[]), package("bad", vulns=[HOLE])]) == 1
    assert "bad 1.0: PYSEC-2026-1, mended in 2.0" in capsys.readouterr().out


def test_a_hole_with_a_reason_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(audit.NOT_OURS, "PYSEC-2026-1", "We never call it.")
    assert audit.told([package("bad", vulns=[HOLE])]) == 0


def test_an_index_that_tells_nothing_is_said_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.told([package("a", skip_reason="not found"), package("b", skip_reason="not found")]) == 0
    assert capsys.readouterr().out == "pip-audit: the index told nothing of 2 of 2 packages\n"


def pip_audit(folder: Path, *, says: str) -> str:
    """A pip-audit that ends with status 1 and these words."""
    script = folder / "pip-audit"
    script.write_text(f"#!/bin/sh\necho '{says}' >&2\nexit 1\n")
    script.chmod(0o755)
    return str(script)


@pytest.mark.parametrize(
    "says",
    ["ERROR:pip_audit._cli:Could not connect to the feed of vulnerabilities", "requests.exceptions.ConnectionError: Max retries exceeded"],
)
def test_without_an_index_the_build_goes_on(tmp_path: Path, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(pip_audit(tmp_path, says=says)) == 0
    assert "no index answers" in capsys.readouterr().out


def test_one_that_fails_by_itself_stops_the_build(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(pip_audit(tmp_path, says="ModuleNotFoundError: No module named cyclonedx")) == 1
    assert "cyclonedx" in capsys.readouterr().out
