"""The line between a browser and the product, to be cut, mended, or made to lose the answers: real connections, no mock."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator

CHUNK = 65536


class Wire:
    """Carries bytes from a free port of loopback to the product's."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._is_cut = False
        self._loses_answers = False
        self.port = 0

    @property
    def url(self) -> str:
        """Where a browser goes."""
        return f"http://localhost:{self.port}"

    def cut(self) -> None:
        """Break every connection, and refuse new ones."""
        self._is_cut = True
        self._loop.call_soon_threadsafe(self._break)

    def mend(self) -> None:
        """Let everything pass again."""
        self._is_cut = self._loses_answers = False

    def break_off(self) -> None:
        """Break every connection, and let new ones pass."""
        self.mend()
        self._loop.call_soon_threadsafe(self._break)

    def lose_answers(self) -> None:
        """What the browser says still arrives; what the product says does not."""
        self._loses_answers = True

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        self._writers.add(writer)
        if not self._is_cut:
            product_reader, product_writer = await asyncio.open_connection("127.0.0.1", self._to)
            ends.append(product_writer)
            self._writers.add(product_writer)
            await asyncio.gather(self._carry(reader, product_writer), self._carry(product_reader, writer, is_answer=True))
        for end in ends:
            end.close()
            with contextlib.suppress(ConnectionError):
                await end.wait_closed()
        self._writers.difference_update(ends)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool = False) -> None:
        with contextlib.suppress(ConnectionError):
            while part := await reader.read(CHUNK):
                if not (is_answer and self._loses_answers):
                    writer.write(part)
                    await writer.drain()
        writer.close()

    def _break(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _end(self, server: asyncio.Server) -> None:
        """Break what is left, and also what came in at the last moment: a server that is closed would leave that open for ever."""
        for listening in server.sockets:
            self._loop.remove_reader(listening.fileno())
        while left := asyncio.all_tasks() - {asyncio.current_task()}:
            self._break()
            await asyncio.wait(left, timeout=0.05)
        server.close()

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._end(server))
        self._loop.close()

    @contextlib.contextmanager
    def running(self) -> Iterator["Wire"]:
        """The wire, in a thread of its own."""
        started = threading.Event()
        thread = threading.Thread(target=self._run, args=(started,), name="wire", daemon=True)
        thread.start()
        started.wait()
        yield self
        self._loop.call_soon_threadsafe(self._loop.stop)
        thread.join()
