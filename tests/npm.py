"""One file of a package from npm, for tests in a browser: fetched with npm, checked, kept under var/, never committed."""

import base64
import hashlib
import io
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "var" / "npm"
TIMEOUT_SECONDS = 120


class UnavailableError(RuntimeError):
    """There is no npm here, or it could not get the package."""


def file_of(package: str, *, version: str, integrity: str, file: str) -> Path:
    """Where `file` ("dist/x.js") of that package lies here. `integrity`: the registry's. Raises UnavailableError."""
    path = FOLDER / f"{package.replace('/', '-')}-{version}" / Path(file).name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        content = _unpack(_download(package, version, integrity), f"package/{file}")
        partial = path.with_suffix(".partial")
        partial.write_bytes(content)
        partial.rename(path)
    return path


def _download(package: str, version: str, integrity: str) -> bytes:
    npm = shutil.which("npm")
    if npm is None:
        raise UnavailableError("no npm on this machine (Debian: apt-get install npm)")
    with tempfile.TemporaryDirectory() as directory:
        command = [npm, "pack", f"{package}@{version}", "--silent", "--pack-destination", directory]
        try:
            subprocess.run(command, cwd=directory, capture_output=True, timeout=TIMEOUT_SECONDS, check=True)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise UnavailableError(f"npm could not get {package}") from error
        packed = next(Path(directory).glob("*.tgz")).read_bytes()
    if "sha512-" + base64.b64encode(hashlib.sha512(packed).digest()).decode() != integrity:
        raise UnavailableError(f"what npm brought is not {package} {version}")
    return packed


def _unpack(packed: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        member = archive.extractfile(name)
        if member is None:
            raise UnavailableError(f"no {name} in the package")
        return member.read()
