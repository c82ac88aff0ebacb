"""Whether a webhook is Vonage's: a JWT (HS256, the account's signature secret) in its Authorization header.

Claims: iat, jti, iss "Vonage", payload_hash (hex SHA-256 of the raw body), api_key, application_id?; no exp.
Source: https://developer.vonage.com/en/getting-started/concepts/webhooks (signed webhooks). The package's own
`verify_signature` looks at the signature only; hash, age and replay are left to us.
"""

import hashlib
import json
import time
from typing import Any

import jwt
from django.utils.crypto import constant_time_compare
from jwt.algorithms import HMACAlgorithm

OLDEST_SECONDS = 300
# Their clock may be ahead of ours.
FUTURE_SECONDS = 60


class SignatureError(Exception):
    """The signature is not good; the text says why and holds nothing of it."""


class _AnyLength(HMACAlgorithm):
    """Vonage gives out the secret, so a warning about its length at each webhook would help nobody."""

    def check_key_length(self, key: bytes) -> None:
        """Any length will do."""


_jws = jwt.PyJWS(algorithms=["HS256"])
_jws.unregister_algorithm("HS256")
_jws.register_algorithm("HS256", _AnyLength(HMACAlgorithm.SHA256))


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
    if body and not constant_time_compare(str(claims.get("payload_hash", "")).lower(), hashlib.sha256(body).hexdigest()):
        raise SignatureError("It was made for another body.")
    return hashlib.sha256(jti.encode()).hexdigest() if len(jti) > 100 else jti


def _claims(token: str, secret: str) -> dict[str, Any]:
    try:
        claims = json.loads(_jws.decode(token, secret, algorithms=["HS256"]))
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        raise SignatureError("It is not signed with our secret.") from None
    if not isinstance(claims, dict):
        raise SignatureError("It holds no claims.")
    return claims
