"""Both twins together, with the files and the environment that a process under test needs."""

import contextlib
import tempfile
from pathlib import Path
from typing import Any, Self

from tests.twins.brevo import BrevoTwin
from tests.twins.tls import Authority
from tests.twins.vonage import VonageTwin


class Twins:
    """Starts both providers. `tls` False speaks plain HTTP. Files (ca.pem, private.key) go into `directory`, or into a
    temporary one that is deleted at the end. `seed` decides the faults that fall by chance."""

    def __init__(
        self,
        *,
        tls: bool = True,
        vonage_port: int = 0,
        brevo_port: int = 0,
        directory: Path | None = None,
        seed: int = 0,
        idle_seconds: float | None = None,
        **vonage: Any,
    ) -> None:
        self._cleanup = contextlib.ExitStack()
        self.directory = directory or Path(self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="twins-")))
        authority = Authority(self.directory) if tls else None
        contexts = [authority.context(), authority.context()] if authority else [None, None]
        self.ca_file = str(authority.ca_file) if authority else ""
        common: dict[str, Any] = {"seed": seed, "idle_seconds": idle_seconds}
        self.vonage = VonageTwin(port=vonage_port, tls=contexts[0], **common, **vonage)
        self.brevo = BrevoTwin(port=brevo_port, tls=contexts[1], **common)
        self.private_key_file = self._write_private_key()

    def start(self) -> Self:
        self.vonage.start()
        self.brevo.start()
        return self

    def stop(self) -> None:
        self.vonage.stop()
        self.brevo.stop()
        self._cleanup.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *args: object) -> None:
        self.stop()

    def reset(self) -> None:
        """Empty accounts, no faults, default dials; ports and keys stay."""
        self.vonage.reset()
        self.brevo.reset()

    def environment(self) -> dict[str, str]:
        """The variables that point Order Support at the twins."""
        names = {
            "NEXMO_APPLICATION_ID": self.vonage.application_id,
            "NEXMO_API_KEY": self.vonage.api_key,
            "NEXMO_API_SECRET": self.vonage.api_secret,
            "NEXMO_APPLICATION_PRIVATE_KEY_PATH": self.private_key_file,
            "VONAGE_API_HOST": self.vonage.host,
            "VONAGE_SIGNATURE_SECRET": self.vonage.signature_secret,
            "SENDINBLUE_API_KEY": self.brevo.api_key,
            "SENDINBLUE_API_URL": self.brevo.url,
            "SENDINBLUE_FROM_NAME": "Order Support",
            "SENDINBLUE_FROM_EMAIL": "orders@example.com",
        }
        trust = {"REQUESTS_CA_BUNDLE": self.ca_file, "SENDINBLUE_CA_FILE": self.ca_file} if self.ca_file else {}
        return names | trust

    def _write_private_key(self) -> str:
        if not self.vonage.private_key_pem:
            return ""
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / "private.key"
        path.touch(mode=0o600)
        path.write_text(self.vonage.private_key_pem)
        return str(path)
