"""The real @vonage/client-sdk for tests in a browser, from npm."""

from pathlib import Path

from tests import npm

VERSION = "2.3.1"
PACKAGE_INTEGRITY = "sha512-51RUuQ0fz5g3tCaYetu2Wiu6kaQBs0jpxnnVhW9YYTfZ5T+gbynQgJhTeqXOuhgIgxVn/4JXmTOcc51uOa7CFg=="
SCRIPT_INTEGRITY = "sha384-dk7z/polGwaDxv5qhIrwAwHwvdINB/nJRK2KKQ0wQvapWbFosy3Qd47T2zsnsnfd"  # for a <script integrity>


def script() -> Path:
    """The SDK's one file for browsers (global `vonageClientSDK`). Raises npm.UnavailableError."""
    return npm.file_of("@vonage/client-sdk", version=VERSION, integrity=PACKAGE_INTEGRITY, file="dist/vonageClientSDK.min.js")
