"""Who calls: RS256 tokens of an application (with `sub` and `acl`), and Basic credentials of the account.

A token without `sub` is an admin token and may do everything that its acl, if it has one, allows. A token with `sub` is a
user's and needs an acl. The real service accepts a user's token that may delete foreign conversations or users; the twin
refuses it (dial `refuse_wide_tokens`), because no browser should ever get such a token.
"""

import base64
import re
import time
import uuid
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.twins.http import Request
from tests.twins.vonage_errors import refuse

DEFAULT_LIFE_SECONDS = 15 * 60
MAXIMUM_LIFE_SECONDS = 24 * 60 * 60
CLOCK_SKEW_SECONDS = 60
REMEMBERED_TOKENS = 5000


@dataclass(frozen=True)
class Caller:
    """`sub` is a user's name; None = an admin token. `paths` are the acl's; None = no acl."""

    application_id: str
    sub: str | None
    paths: dict[str, Any] | None

    def may(self, method: str, path: str) -> bool:
        if self.paths is None:
            return self.sub is None
        return any(_path_fits(pattern, path) and _method_fits(value, method) for pattern, value in self.paths.items())

    def is_too_powerful(self) -> bool:
        """Whether a user's token could delete what belongs to others."""
        if self.sub is None:
            return False
        stranger = uuid.uuid4()
        return self.may("DELETE", f"/v1/conversations/CON-{stranger}") or self.may("DELETE", f"/v1/users/USR-{stranger}")


class Tokens:
    """Checks tokens against the public keys of the applications. A token that was good once is checked for its age only."""

    def __init__(self) -> None:
        self._keys: dict[str, rsa.RSAPublicKey] = {}
        self._verified: dict[str, dict[str, Any]] = {}

    def trust(self, application_id: str, public_key: str | bytes) -> None:
        """Raises ValueError for what is no RSA public key in PEM."""
        key = load_pem_public_key(public_key.encode() if isinstance(public_key, str) else public_key)
        if not isinstance(key, rsa.RSAPublicKey):
            raise ValueError("an application's public key must be an RSA key")
        self._keys[application_id] = key
        self._verified.clear()

    def distrust(self, application_id: str) -> None:
        self._keys.pop(application_id, None)
        self._verified.clear()

    def verify(self, token: str, *, refuse_wide: bool) -> Caller:
        """Raises a Refusal with the code the service would give."""
        claims = self._verified.get(token) or self._decode(token)
        _check_age(claims)
        sub, acl = claims.get("sub"), claims.get("acl")
        paths = acl.get("paths") if isinstance(acl, dict) else None
        caller = Caller(claims["application_id"], sub, paths)
        if refuse_wide and caller.is_too_powerful():
            refuse("system:error:permission", detail="The twin refuses a user token whose acl allows deleting what belongs to others.")
        if len(self._verified) >= REMEMBERED_TOKENS:
            self._verified.clear()
        self._verified[token] = claims
        return caller

    def _decode(self, token: str) -> dict[str, Any]:
        try:
            claimed = jwt.decode(token, options={"verify_signature": False})
            key = self._keys[claimed["application_id"]]
            checks = {"verify_exp": False, "verify_iat": False, "require": ["iat", "jti"]}
            return jwt.decode(token, key, algorithms=["RS256"], options=checks)  # type: ignore[arg-type]  # PyJWT types options as its own TypedDict
        except (jwt.InvalidTokenError, KeyError, ValueError, TypeError):
            refuse("system:error:invalid-token")


def bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        refuse("system:error:invalid-token")
    return token.strip()


def basic(request: Request) -> tuple[str, str] | None:
    """(key, secret) of Basic credentials, or None."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        key, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return None
    return key, secret


def _check_age(claims: dict[str, Any]) -> None:
    issued, now = claims["iat"], time.time()
    expires = claims.get("exp", issued + DEFAULT_LIFE_SECONDS if isinstance(issued, int | float) else None)
    if not isinstance(issued, int | float) or not isinstance(expires, int | float):
        refuse("system:error:invalid-token")
    if issued > now + CLOCK_SKEW_SECONDS or expires - issued > MAXIMUM_LIFE_SECONDS:
        refuse("system:error:invalid-token")
    if expires <= now:
        refuse("system:error:expired-token")


def _path_fits(pattern: str, path: str) -> bool:
    """`*` is one segment, `**` any rest; "/*/users/**" holds "/v1/users" too."""
    expression = re.escape(pattern).replace(r"/\*\*", "(/.*)?").replace(r"\*", "[^/]*")
    return re.fullmatch(expression, path) is not None


def _method_fits(value: Any, method: str) -> bool:
    methods = value.get("methods") if isinstance(value, dict) else None
    return methods is None or method in methods
