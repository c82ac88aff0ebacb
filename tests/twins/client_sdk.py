"""The real @vonage/client-sdk for tests in a browser: fetched with npm, checked, kept under var/, never committed."""

import base64
import hashlib
import io
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

VERSION = "2.3.1"
PACKAGE_INTEGRITY = "sha512-51RUuQ0fz5g3tCaYetu2Wiu6kaQBs0jpxnnVhW9YYTfZ5T+gbynQgJhTeqXOuhgIgxVn/4JXmTOcc51uOa7CFg=="
SCRIPT_INTEGRITY = "sha384-dk7z/polGwaDxv5qhIrwAwHwvdINB/nJRK2KKQ0wQvapWbFosy3Qd47T2zsnsnfd"  # for a <script integrity>
SCRIPT = "package/dist/vonageClientSDK.min.js"
CACHE = Path(__file__).parent.parent.parent / "var" / "client-sdk"
TIMEOUT_SECONDS = 120


class UnavailableError(RuntimeError):
    """There is no npm here, or it could not get the package."""


def script() -> Path:
    """The SDK's one file for browsers (global `vonageClientSDK`). Raises UnavailableError."""
    path = CACHE / f"vonageClientSDK-{VERSION}.min.js"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        content = _unpack(_download())
        partial = path.with_suffix(".partial")
        partial.write_bytes(content)
        partial.rename(path)
    return path


def _download() -> bytes:
    npm = shutil.which("npm")
    if npm is None:
        raise UnavailableError("no npm on this machine (Debian: apt-get install npm)")
    with tempfile.TemporaryDirectory() as directory:
        command = [npm, "pack", f"@vonage/client-sdk@{VERSION}", "--silent", "--pack-destination", directory]
        try:
            subprocess.run(command, cwd=directory, capture_output=True, timeout=TIMEOUT_SECONDS, check=True)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise UnavailableError("npm could not get @vonage/client-sdk") from error
        package = next(Path(directory).glob("*.tgz")).read_bytes()
    digest = base64.b64encode(hashlib.sha512(package).digest()).decode()
    if f"sha512-{digest}" != PACKAGE_INTEGRITY:
        raise UnavailableError(f"what npm brought is not @vonage/client-sdk {VERSION}")
    return package


def _unpack(package: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        member = archive.extractfile(SCRIPT)
        if member is None:
            raise UnavailableError(f"no {SCRIPT} in the package")
        return member.read()
