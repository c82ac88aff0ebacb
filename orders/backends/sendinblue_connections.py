"""Connections to Sendinblue that are not used once they were quiet for long.

A firewall on the way forgets them and tells neither side: a mail that leaves on one is waited for in vain, and then nobody knows whether
it was sent. urllib3 asks a kept connection whether it still is one; ours also says no where it was quiet. It sees one that was closed.
"""

import time
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

# Less than anybody on the way is known to keep a quiet connection: load balancers a minute, firewalls some minutes.
IDLE_SECONDS = 30.0


class _Forgettable:
    """A connection that counts as one only while it is in use."""

    _quiet_since = 0.0

    def getresponse(self) -> Any:
        """The answer; from here on it is quiet."""
        answer = super().getresponse()  # type: ignore[misc]  # urllib3's
        self._quiet_since = time.monotonic()
        return answer

    @property
    def is_connected(self) -> bool:
        """Whether a request may leave on it."""
        return time.monotonic() - self._quiet_since < IDLE_SECONDS and bool(super().is_connected)  # type: ignore[misc]  # urllib3's


class _Plain(_Forgettable, HTTPConnection):
    pass


class _Secured(_Forgettable, HTTPSConnection):
    pass


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecuredPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Secured


POOLS = {"http": _PlainPool, "https": _SecuredPool}
