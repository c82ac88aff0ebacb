"""Processes that are started while PostgreSQL is restarted: as after a crash of the whole machine, where nobody waits for anybody."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.processes import Product, ending, environment, ports, wait_until
from tests.services import MissingError, Postgres


@pytest.fixture
def crashed() -> Iterator[tuple[Path, Postgres]]:
    """A database with our tables, which was just killed."""
    # Not pytest's folder: PostgreSQL runs as another user, who must get there.
    with tempfile.TemporaryDirectory(prefix="outage-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        try:
            database = Postgres(folder)
        except MissingError as error:
            pytest.skip(str(error))
        database.start()
        migrate = Product("migrate", port=0, arguments=["migrate"], environment=known(database), folder=folder)
        migrate.start()
        wait_until(lambda: migrate.has_ended, "the tables")
        database.stop(how="immediate")
        yield folder, database
        database.stop()


def known(database: Postgres) -> dict[str, str]:
    return environment(DATABASE_URL=database.url, ENV_FILE=os.devnull, SECRET_KEY="k" * 50)


@pytest.mark.slow
def test_who_starts_meanwhile_works_once_the_database_is_back(crashed: tuple[Path, Postgres]) -> None:
    folder, database = crashed
    [port] = ports(1)
    serve = ["serve", "--port", str(port), "--no-worker"]
    web = Product("web", port=port, arguments=serve, environment=known(database), folder=folder)
    worker = Product("worker", port=0, arguments=["worker"], environment=known(database), folder=folder)
    with ending(web, worker):
        for process in (web, worker):
            process.start()
        for process in (web, worker):
            wait_until(lambda process=process: "We try again" in process.tail(), f"{process.name} at the closed door")  # type: ignore[misc]
        database.start()
        for process in (web, worker):
            process.wait()
