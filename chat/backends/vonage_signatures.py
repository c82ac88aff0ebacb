"""Whether a webhook is Vonage's: a JWT (HS256, the account's signature secret) in its Authorization header.

Claims: iat, jti, iss "Vonage", payload_hash (hex SHA-256 of the raw body), api_key, application_id?; no exp.
Source: https://developer.vonage.com/en/getting-started/concepts/webhooks (signed webhooks). The package's own
`verify_signature` looks at the signature only; hash, age and replay are left to us.
"""

import hashlib
import json
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from django.utils.crypto import constant_time_compare

if TYPE_CHECKING:
    from jwt import PyJWS

OLDEST_SECONDS = 300
# Their clock may be ahead of ours.
FUTURE_SECONDS = 60


class SignatureError(Exception):
    """The signature is not good; the text says why and holds nothing of it."""


@cache
def _jws() -> "PyJWS":
    # Imported when a webhook comes: it took a twentieth of every start, also of shops without Vonage.
    from jwt import PyJWS  # noqa: PLC0415
    from jwt.algorithms import HMACAlgorithm  # noqa: PLC0415

    class AnyLength(HMACAlgorithm):
        """Vonage gives out the secret, so a warning about its length at each webhook would help nobody."""

        def check_key_length(self, key: bytes) -> None:
            """Any length will do."""

    jws = PyJWS(algorithms=["HS256"])
    jws.unregister_algorithm("HS256")
    jws.register_algorithm("HS256", AnyLength(HMACAlgorithm.SHA256))
    return jws


def check(token: str, body: bytes, *, secret: str) -> str:
    """The token's `jti`, once it proved that Vonage signed this very body within the last five minutes. Raises SignatureError.

    Whether the jti was used before is the caller's to ask.
    """
    claims = _claims(token, secret)
    issued_at, jti = claims.get("iat"), claims.get("jti")
    if isinstance(issued_at, bool) or not isinstance(issued_at, int | float):
        raise SignatureError("It has no time.")
    age = time.time() - issued_at
    if not -FUTURE_SECONDS <= age <= OLDEST_SECONDS:
        raise SignatureError("It is too old, or a clock is wrong.")
    if not isinstance(jti, str) or not jti:
        raise SignatureError("It has no id.")
    # A request without a body has no hash of one; a signature that has one was made for another request.
    is_bound = bool(body) or "payload_hash" in claims
    if is_bound and not constant_time_compare(str(claims.get("payload_hash", "")).lower(), hashlib.sha256(body).hexdigest()):
        raise SignatureError("It was made for another body.")
    return hashlib.sha256(jti.encode()).hexdigest() if len(jti) > 100 else jti


def _claims(token: str, secret: str) -> dict[str, Any]:
    from jwt import InvalidTokenError  # noqa: PLC0415

    try:
        claims = json.loads(_jws().decode(token, secret, algorithms=["HS256"]))
    except (InvalidTokenError, ValueError, RecursionError):
        raise SignatureError("It is not signed with our secret.") from None
    if not isinstance(claims, dict):
        raise SignatureError("It holds no claims.")
    return claims
