"""`python -m tests.twins`: both twins as a command, until Ctrl-C or SIGTERM.

Prints one JSON line when they listen: addresses, the CA file and the environment for Order Support. `--environment-file`
writes that environment as NAME=value lines. State survives nothing; see control.py for what can be asked while they run.
"""

import argparse
import json
import signal
import sys
from pathlib import Path

from tests.twins.bundle import Twins


def main() -> int:
    options = _parse()
    extra = {} if options.public_key is None else {"public_key": options.public_key.read_text()}
    if options.application_id:
        extra["application_id"] = options.application_id
    twins = Twins(
        tls=options.tls,
        vonage_port=options.vonage_port,
        brevo_port=options.brevo_port,
        directory=options.directory,
        seed=options.seed,
        idle_seconds=options.idle_seconds,
        **extra,
    )
    # Held back in all threads and waited for: a handler that sets an event may come while this very thread holds the event's lock.
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with twins:
        _prepare(twins, options)
        _introduce(twins, options)
        signal.sigwait(ends)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.twins", description="Stand-ins of Vonage and Brevo on loopback.")
    parser.add_argument("--vonage-port", type=int, default=0, help="0 = a free one")
    parser.add_argument("--brevo-port", type=int, default=0, help="0 = a free one")
    parser.add_argument("--tls", action="store_true", help="HTTPS with a throw-away authority (ca.pem in --directory)")
    parser.add_argument("--directory", type=Path, help="for ca.pem and private.key; default: a temporary one")
    parser.add_argument("--environment-file", type=Path, help="writes NAME=value lines for Order Support")
    parser.add_argument("--application-id", default="", help="default: the twin's own")
    parser.add_argument("--public-key", type=Path, help="PEM of the application's public key; default: the twin makes a pair")
    parser.add_argument("--faults", type=Path, help="JSON {pattern: [fault ...]}, for both twins")
    parser.add_argument("--seed", type=int, default=0, help="of the faults that fall by chance")
    parser.add_argument("--idle-seconds", type=float, help="close connections that stay silent for so long")
    parser.add_argument("--rtc-url", default="", help="gets Vonage's RTC webhooks")
    parser.add_argument("--brevo-hook-url", default="", help="gets Brevo's webhooks")
    parser.add_argument("--brevo-hook-header", action="append", default=[], metavar="NAME=VALUE", help="sent with them; repeatable")
    return parser.parse_args()


def _prepare(twins: Twins, options: argparse.Namespace) -> None:
    headers = dict(header.split("=", 1) for header in options.brevo_hook_header)
    twins.vonage.turn(rtc_url=options.rtc_url)
    twins.brevo.turn(hook_url=options.brevo_hook_url, hook_headers=headers)
    if options.faults:
        rules = json.loads(options.faults.read_text())
        twins.vonage.faults.load(rules)
        twins.brevo.faults.load(rules)


def _introduce(twins: Twins, options: argparse.Namespace) -> None:
    environment = twins.environment()
    if options.environment_file:
        options.environment_file.touch(mode=0o600)
        options.environment_file.write_text("".join(f"{name}={value}\n" for name, value in environment.items()))
    introduction = {"vonage": twins.vonage.origin, "brevo": twins.brevo.origin, "ca_file": twins.ca_file, "environment": environment}
    sys.stdout.write(json.dumps(introduction) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
