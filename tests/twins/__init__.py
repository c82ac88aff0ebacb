"""Twins: small stand-ins of Vonage and Brevo on loopback, at the level of the wire, written from the providers' documentation.

In a test, with plain HTTP or with TLS and a throw-away authority:

    from tests.twins import Twins

    with Twins() as twins:
        twins.vonage.host        # "localhost:41234", for VONAGE_API_HOST
        twins.brevo.url          # "https://localhost:41235/v3", for SENDINBLUE_API_URL
        twins.ca_file            # for REQUESTS_CA_BUNDLE and SENDINBLUE_CA_FILE
        twins.environment()      # all of it as environment variables, with keys and a private key file
        twins.brevo.faults.set("brevo.send_mail", {"fault": "lost_reply", "times": 1})
        ...
        assert len(twins.brevo.mails) == 1
        twins.reset()

As a command: `python -m tests.twins --vonage-port 4010 --brevo-port 4011 --tls`; its control interface is in control.py, the
faults in faults.py, the dials in `VonageDials`, `BrevoDials` and `WebhookDials`. Nothing here imports Django; nothing is kept.
"""

from tests.twins.brevo import BrevoTwin
from tests.twins.bundle import Twins
from tests.twins.faults import Fault
from tests.twins.forgetful_router import ForgetfulRouter
from tests.twins.vonage import VonageTwin

__all__ = ["BrevoTwin", "Fault", "ForgetfulRouter", "Twins", "VonageTwin"]
