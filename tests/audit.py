"""Known holes in the packages that the product runs on: `python -m tests.audit PIP_AUDIT`.

The answers come from the package index. Where none can be reached, one line says so and the build goes on: a hole that nobody can look up
is no reason to stop, one that was found is. So is a pip-audit that fails in any other way: it would look like no hole for ever.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 180
# What pip-audit, or requests within it, says where nothing answers at the index's address.
UNREACHABLE = re.compile(r"Could not connect|ConnectionError|ConnectTimeout|ReadTimeout|ProxyError")
# Holes that don't concern us, by their id, each with the reason.
NOT_OURS: dict[str, str] = {}


def main(pip_audit: str) -> int:
    """Ask, tell, and answer 1 where a hole was found."""
    command = [
        pip_audit,
        "--requirement",
        "requirements.txt",
        "--no-deps",
        "--disable-pip",
        "--format",
        "json",
        "--progress-spinner",
        "off",
    ]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return not_looked_up()
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        if UNREACHABLE.search(done.stderr):
            return not_looked_up()
        print(f"pip-audit: it failed with status {done.returncode}:\n{done.stderr.strip()}")
        return 1
    return told(packages)


def not_looked_up() -> int:
    """Say so; 0."""
    print("pip-audit: no index answers with advisories, so the packages' known holes were not looked up")
    return 0


def told(packages: list[dict[str, Any]]) -> int:
    """Print what the index said of the packages; 1 where it knows a hole that concerns us."""
    holes = [(package, hole) for package in packages for hole in package.get("vulns", []) if hole["id"] not in NOT_OURS]
    for package, hole in holes:
        print(
            f"pip-audit: {package['name']} {package['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'no version'}"
        )
    unknown = sum("skip_reason" in package for package in packages)
    if unknown:
        print(f"pip-audit: the index told nothing of {unknown} of {len(packages)} packages")
    if not holes and unknown < len(packages):
        print(f"pip-audit: no known hole in {len(packages) - unknown} packages")
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
