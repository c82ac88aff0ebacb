"""One run: start the server, let everybody talk while it is killed and connections are cut, wait until all have everything, reckon up."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.processes import ROOT, Product, ending, environment, ports
from tests.chat_proof import plan
from tests.chat_proof.clients import Client
from tests.chat_proof.plan import Options
from tests.chat_proof.referee import Seen, Verdict, judge
from tests.services import Postgres, Redis

SETTLE_SECONDS = 60.0
JSON = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `caught_up_seconds`: from the last acknowledgement until every client had everything; None where one never did."""

    verdict: Verdict
    troubles: Counter[str]
    kills: int
    attempts: int
    caught_up_seconds: float | None
    seconds: float


def run(options: Options) -> Outcome:
    """Run once. Raises GoneError where the server does not come back, TimeoutError where a message was never taken."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chat-proof-") as name, _engines(options, Path(name)) as where:
        Path(name).chmod(0o755)
        known = environment(**where, ENV_FILE=os.devnull, SECRET_KEY="k" * 50, LOG_LEVEL="WARNING")
        servers = [_server(number, port=port, known=known, folder=Path(name)) for number, port in enumerate(ports(options.servers))]
        with ending(*servers):
            # One after the other: the first makes the tables.
            for server in servers:
                server.start()
                server.wait()
            found = _inside(known, "prepare", {"rooms": plan.rooms(options)})["rooms"]
            clients = _clients(options, found, ports=[server.port for server in servers])
            caught_up = asyncio.run(_play(options, clients, servers))
            record = _inside(known, "audit", {"conversations": [room["conversation"] for room in found]})
    troubles = sum((client.troubles for client in clients), Counter[str]())
    attempts = options.messages + sum(count for name, count in troubles.items() if not name.startswith("socket"))
    verdict = judge([_seen(client) for client in clients], record)
    return Outcome(verdict, troubles, options.kill_server, attempts, caught_up, time.monotonic() - began)


def _clients(options: Options, rooms: list[JSON], *, ports: list[int]) -> list[Client]:
    said = plan.lines(options)
    return [
        Client(seat, room["conversation"], lines=said[seat["name"]], ports=ports, drop=options.drop, seed=options.seed)
        for room in rooms
        for seat in room["seats"]
    ]


async def _play(options: Options, clients: list[Client], servers: list[Product]) -> float | None:
    """Everybody talks; the seconds from then until every client had everything."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(len(clients) + 1))
    listening = [asyncio.create_task(client.listen()) for client in clients]
    async with asyncio.TaskGroup() as talk:
        for client in clients:
            talk.create_task(client.speak())
        talk.create_task(_kill(options, clients, servers))
    silent = time.monotonic()
    caught_up: float | None = None
    while caught_up is None and time.monotonic() - silent < SETTLE_SECONDS:
        if all(client.last == _newest(client, clients) for client in clients):
            caught_up = time.monotonic() - silent
        await asyncio.sleep(0.02)
    for task in listening:
        task.cancel()
    await asyncio.gather(*listening, return_exceptions=True)
    return caught_up


def _newest(client: Client, clients: list[Client]) -> int:
    """The highest number that anybody of the same conversation was told of, by an acknowledgement or an event."""
    same = [other for other in clients if other.conversation == client.conversation]
    return max([other.last for other in same] + [int(event["id"]) for other in same for event in other.acks.values()])


async def _kill(options: Options, clients: list[Client], servers: list[Product]) -> None:
    for number, after in enumerate(plan.kills(options)):
        while sum(len(client.acks) for client in clients) < after:
            await asyncio.sleep(0.01)
        server = servers[number % len(servers)]
        await asyncio.to_thread(server.kill)
        server.start()
        await asyncio.to_thread(server.wait)


def _seen(client: Client) -> Seen:
    return Seen(
        name=client.seat["name"],
        member=client.seat["member"],
        conversation=client.conversation,
        lines=client.lines,
        log=[[event["id"], event["from"], event["client_key"], event["body"].get("text")] for event in client.log],
        acks={key: int(event["id"]) for key, event in client.acks.items()},
        gaps=client.gaps,
        false_lives=client.false_lives,
    )


def _server(number: int, *, port: int, known: dict[str, str], folder: Path) -> Product:
    its_own = known | {"PUBLIC_URL": f"http://127.0.0.1:{port}"}
    return Product(f"server-{number}", port=port, arguments=["serve", "--port", str(port)], environment=its_own, folder=folder)


def _inside(known: dict[str, str], what: str, asked: JSON) -> JSON:
    command = [sys.executable, "-m", "tests.chat_proof.inside", what]
    done = subprocess.run(command, cwd=ROOT, env=known, input=json.dumps(asked), stdout=subprocess.PIPE, text=True, check=True)
    answer: JSON = json.loads(done.stdout)
    return answer


@contextmanager
def _engines(options: Options, folder: Path) -> Iterator[dict[str, str]]:
    """The variables that name a fresh database and, where asked for, a Redis."""
    folder.chmod(0o755)
    postgres = Postgres(folder) if options.database == "postgres" else None
    redis = Redis(folder) if options.redis else None
    with ExitStack() as stack:
        if postgres:
            stack.callback(postgres.stop, how="immediate")
            postgres.start()
        if redis:
            stack.callback(redis.stop)
            redis.start()
        where = {"DATABASE_URL": postgres.url if postgres else f"sqlite:///{folder / 'db.sqlite3'}"}
        yield where | ({"REDIS_URL": redis.url} if redis else {})
