"""One run: start everything, let clients order while things break, stop breaking, wait for the end, reckon up."""

import os
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redis

from tests.chaos import plan
from tests.chaos.audit import Found, Verdict, judge
from tests.chaos.clients import Clients, Gate, Told
from tests.chaos.plan import Blow, Options
from tests.chaos.processes import GoneError, Inside, Product, Twins, ending, environment, ports, wait_until
from tests.services import Postgres, Redis

HOOK_SECRET = "a-secret-of-the-chaos-run"


@dataclass
class Scene:
    """What runs. `blows_done` counts what was really done; `in_hand` the rows that workers held at the kills."""

    options: Options
    webs: list[Product]
    workers: list[Product]
    twins: Twins
    ours: Inside
    batch: Inside
    postgres: Postgres | None = None
    redis: Redis | None = None
    blows_done: Counter[str] = field(default_factory=Counter)
    in_hand: int = 0


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    verdict: Verdict
    scene: Scene
    told: Told
    settled_seconds: float | None
    seconds: float


def run(options: Options) -> Outcome:
    """Run once. Raises GoneError where something that is not to break broke; the folder with all logs is kept then."""
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    folder.chmod(0o755)
    try:
        with _scene(options, folder) as scene:
            told, settled = _play(scene)
            verdict = judge(plan.wanted(options), told, _found(scene))
            outcome = Outcome(verdict, scene, told, settled, time.monotonic() - began)
    except BaseException:
        print(f"The logs are in {folder}", file=sys.stderr)
        raise
    if verdict.is_good:
        shutil.rmtree(folder)
    else:
        print(f"The logs and the database are in {folder}", file=sys.stderr)
    return outcome


def _play(scene: Scene) -> tuple[Told, float | None]:
    """The clients' answers, and the seconds from the end of the chaos until every row had ended (None: too long)."""
    options, orders, blows = scene.options, plan.wanted(scene.options), plan.blows(scene.options)
    key = scene.ours.ask_until_answered("prepare", customers=plan.customers(options))["key"]
    gate = Gate(blows)
    clients = Clients(options, orders, gate=gate, ports=[web.port for web in scene.webs], key=key, batch=scene.batch)
    breaker = threading.Thread(target=_break_things, args=(scene, blows, gate, clients.told), name="breaker", daemon=True)
    scene.twins.limit(options.calls_per_second)
    scene.twins.fail(plan.faults(options))
    over = threading.Event()
    watch = threading.Thread(target=_hold_back, args=(scene, gate, over), name="watch", daemon=True)
    for thread in (clients, breaker, watch):
        thread.start()
    clients.join()
    breaker.join()
    over.set()
    watch.join()
    scene.twins.fail({})
    for product in [*scene.webs, *scene.workers]:
        product.wait()
    stopped = time.monotonic()
    try:
        wait_until(lambda: _is_over(scene), "the last row", seconds=options.settle_seconds)
    except GoneError:
        return clients.told, None
    return clients.told, time.monotonic() - stopped


def _is_over(scene: Scene) -> bool:
    """Whether no row waits, and no webhook of the providers that would make a new one is on its way."""
    if scene.ours.ask_until_answered("left")["open"] or not scene.twins.are_silent():
        return False
    time.sleep(0.5)  # for the one that was just being delivered
    return not scene.ours.ask_until_answered("left")["open"]


def _hold_back(scene: Scene, gate: Gate, over: threading.Event) -> None:
    """Keep the clients from piling up more than can be worked on at once."""
    while not over.wait(0.3):
        left = scene.ours.ask("left")
        if "open" in left:
            gate.flood(left["open"] > scene.options.most_open)
    gate.flood(False)


def _break_things(scene: Scene, blows: list[Blow], gate: Gate, told: Told) -> None:
    try:
        for blow in blows:
            if not gate.wait_for(blow):
                return
            time.sleep(blow.pause_seconds)
            _strike(scene, blow)
            gate.fell(blow)
    except Exception as error:
        told.failures.append(f"while breaking things: {type(error).__name__}: {error}")
        gate.shut_down()


def _strike(scene: Scene, blow: Blow) -> None:
    if blow.kind == "database" and scene.postgres:
        scene.postgres.stop(how="immediate")
        time.sleep(blow.down_seconds)
        scene.postgres.start()
    elif blow.kind == "redis" and scene.redis:
        redis.Redis.from_url(scene.redis.url, socket_timeout=5).flushall()
        scene.redis.stop()
        time.sleep(blow.down_seconds)
        scene.redis.start()
    else:
        fleet = scene.webs if blow.kind == "web" else scene.workers
        victim = fleet[blow.number % len(fleet)]
        victim.wait()
        scene.in_hand += int(scene.ours.ask("left").get("held", 0))
        victim.kill()
        time.sleep(blow.down_seconds / 3)
        victim.start()
    scene.blows_done[blow.kind] += 1


def _found(scene: Scene) -> Found:
    ours = scene.ours.ask_until_answered("audit")
    vonage, brevo = scene.twins, scene.twins
    return Found(ours, brevo.ask("brevo", "mails"), vonage.ask("vonage", "events"), vonage.ask("vonage", "conversations"))


@contextmanager
def _scene(options: Options, folder: Path) -> Iterator[Scene]:
    """Everything started, one after the other; everything ended in the end."""
    web_ports = ports(options.webs)
    with _engines(options, folder) as (postgres, cache, where):
        twins = Twins(folder / "twins", seed=options.seed, hook_port=web_ports[0], hook_secret=HOOK_SECRET)
        with ending(twins):
            known = environment(**twins.environment, **where, ENV_FILE=os.devnull, SECRET_KEY="k" * 50, WEBHOOK_SECRET=HOOK_SECRET)
            webs = [_web(options, number, port=port, environment=known, folder=folder) for number, port in enumerate(web_ports)]
            names = [f"worker-{number}" for number in range(options.workers)]
            workers = [Product(name, port=0, arguments=["worker"], environment=known, folder=folder) for name in names]
            with ending(*webs, *workers):
                # One after the other: the first makes the tables.
                for product in [*webs, *workers]:
                    product.start()
                    product.wait()
                ours, batch = Inside(known, folder / "ours.log"), Inside(known, folder / "batch.log")
                with ending(ours, batch):
                    yield Scene(options, webs, workers, twins, ours, batch, postgres, cache)


def _web(options: Options, number: int, *, port: int, environment: dict[str, str], folder: Path) -> Product:
    arguments = ["serve", "--port", str(port), *(["--no-worker"] if options.is_scaled else [])]
    known = environment | {"PUBLIC_URL": f"http://127.0.0.1:{port}"}
    return Product(f"web-{number}", port=port, arguments=arguments, environment=known, folder=folder)


@contextmanager
def _engines(options: Options, folder: Path) -> Iterator[tuple[Postgres | None, Redis | None, dict[str, str]]]:
    """The database and, where asked for, Redis; and the environment that names them."""
    postgres = Postgres(folder) if options.database == "postgres" else None
    cache = Redis(folder) if options.redis else None
    where = {"DATABASE_URL": postgres.url if postgres else f"sqlite:///{folder / 'db.sqlite3'}"}
    for service in (postgres, cache):
        if service:
            service.start()
    try:
        yield postgres, cache, where | ({"REDIS_URL": cache.url} if cache else {})
    finally:
        if cache:
            cache.stop()
        if postgres:
            postgres.stop(how="immediate")
