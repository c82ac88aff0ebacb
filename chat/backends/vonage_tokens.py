"""Tokens for Vonage: RS256, made by us from a key that is loaded once.

The vonage package would read and check the PEM again for each request, which costs 56 ms of CPU; with a loaded key it is 0.6 ms.
Source of the claims: https://developer.vonage.com/en/getting-started/concepts/authentication and /en/conversation/guides/jwt-acl
"""

import re
import stat
import threading
import time
import uuid
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

# `jwt` and `cryptography` are imported where they are needed: they took a twentieth of every start, also of shops without Vonage.

# "The max expiration time for a JWT is 24 hours."
LONGEST_SECONDS = 24 * 60 * 60
# Our own token lives as long as one without `exp` would, and is renewed well before.
SERVER_SECONDS = 15 * 60
RENEW_BEFORE_SECONDS = 5 * 60
PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----(.+?)-----END \1-----", re.DOTALL)


class KeyFileError(Exception):
    """The private key can't be used; the text says why and names no part of it."""


@lru_cache(maxsize=4)
def load_key(setting: str) -> "RSAPrivateKey":
    """The key that NEXMO_APPLICATION_PRIVATE_KEY_PATH names: a path, or the PEM itself (PKCS#8 or PKCS#1), raw or with "\\n" for
    its line ends. Raises KeyFileError.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        pem = _inline(setting) if "-----BEGIN" in setting else Path(setting).expanduser().read_bytes()
    except OSError as error:
        raise KeyFileError(f"The file {setting} can't be read: {error.strerror}.") from None
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise KeyFileError("The private key is locked with a password. Use the file that Vonage gave, as it is.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyFileError("This is no private key in PEM form.") from None
    if not isinstance(key, RSAPrivateKey):
        raise KeyFileError("The private key is no RSA key.")
    return key


def open_mode(setting: str) -> int:
    """The permissions of a private key's file that people beyond its owner and group can read or change; 0 where they can't."""
    try:
        mode = 0 if "-----BEGIN" in setting else stat.S_IMODE(Path(setting).expanduser().stat().st_mode)
    except OSError:
        return 0
    return mode if mode & (stat.S_IROTH | stat.S_IWOTH) else 0


def mint(claims: dict[str, Any], *, seconds: int) -> tuple[str, int]:
    """A token of our application with these claims, good for `seconds` (a day at most), and its end in seconds since 1970.

    Raises KeyFileError.
    """
    import jwt  # noqa: PLC0415

    now = int(time.time())
    ends_at = now + min(seconds, LONGEST_SECONDS)
    common = {"application_id": settings.VONAGE_APPLICATION_ID, "iat": now, "exp": ends_at, "jti": str(uuid.uuid4())}
    return jwt.encode(claims | common, load_key(settings.VONAGE_PRIVATE_KEY), algorithm="RS256"), ends_at


class ServerToken:
    """The token of our own calls: no `sub`, so it may create users. One for all threads, made anew every ten minutes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._token, self._made_for, self._good_until = "", ("", ""), 0.0

    def get(self) -> str:
        """A token with at least five minutes left. Raises KeyFileError."""
        made_for = (settings.VONAGE_APPLICATION_ID, settings.VONAGE_PRIVATE_KEY)
        with self._lock:
            if not self._token or made_for != self._made_for or time.time() >= self._good_until:
                self._token, ends_at = mint({}, seconds=SERVER_SECONDS)
                self._made_for, self._good_until = made_for, ends_at - RENEW_BEFORE_SECONDS
            return self._token

    def forget(self, token: str) -> None:
        """Vonage no longer takes this one; a newer one, which another thread got meanwhile, is kept."""
        with self._lock:
            if token == self._token:
                self._token = ""


server_token = ServerToken()


def _inline(setting: str) -> bytes:
    """A PEM whose line ends a shell, a .env file or a hosting page turned into "\\n", spaces or nothing."""
    found = PEM.search(setting.replace("\\n", "\n").replace("\\r", ""))
    if not found:
        return b""
    label, content = found.groups()
    letters = "".join(content.split())
    lines = "\n".join(letters[start : start + 64] for start in range(0, len(letters), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n".encode()
