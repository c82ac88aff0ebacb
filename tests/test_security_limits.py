"""What one client may cost: long bodies, long heads, slow clients; on a real server with a small application behind the limits."""

import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from pytest_django import Settings

from ordersupport import limits
from tests.running import wait_for

MOST = 1000


async def echo(scope: limits.Message, receive: limits.Receive, send: limits.Send) -> None:
    """Answer how long the body is, and how long it is said to be."""
    body = (await receive())["body"]
    told = dict(scope["headers"])[b"content-length"]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body) + len(told) + 1).encode())]})
    await send({"type": "http.response.body", "body": body + b"/" + told})


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a test of slowness alone: a busy machine may take as long for what is quick."""
    monkeypatch.setattr(limits, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.5)


@pytest.fixture
def port(settings: Settings) -> Iterator[int]:
    """A server under the limits."""
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = MOST
    config = uvicorn.Config(limits.Bounded(echo), http=limits.ImpatientProtocol, log_config=None, lifespan="off", timeout_keep_alive=5)
    server = uvicorn.Server(config)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        wait_for(lambda: server.started, "the server")
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join()


def said(port: int, *parts: bytes) -> bytes:
    """Everything that the server says to these bytes until it hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        for part in parts:
            line.sendall(part)
        heard = b""
        while more := line.recv(65536):
            heard += more
        return heard


def status(answer: bytes) -> int:
    """The number in the first line."""
    return int(answer.split(b" ", 2)[1])


def post(length: int) -> bytes:
    """A whole request with a body."""
    return f"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n".encode() + b"x" * length


def test_a_body_within_the_limit_comes_through(port: int) -> None:
    answer = said(port, post(MOST))
    assert (status(answer), answer.endswith(b"x/1000")) == (200, True)


def test_a_longer_body_is_refused_before_it_is_sent(port: int) -> None:
    head = f"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {MOST + 1}\r\nexpect: 100-continue\r\n\r\n".encode()
    answer = said(port, head)
    assert (status(answer), b"application/problem+json" in answer, b"100 Continue" in answer) == (413, True, False)


@pytest.mark.parametrize("length", [MOST + 1, 100_000, 8_000_000])
def test_who_sends_all_of_a_longer_body_still_gets_the_answer(port: int, length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # A busy machine sends it slowly.
    monkeypatch.setattr(limits, "DRAIN_SECONDS", 60.0)
    assert status(said(port, post(length))) == 413


def test_who_sends_more_and_more_is_hung_up_on(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DRAIN_BYTES", 1_000_000)
    with pytest.raises(ConnectionError):
        said(port, post(60_000_000))


def test_a_body_in_chunks_is_read_as_a_whole(port: int) -> None:
    head = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    assert said(port, head, b"5\r\nhello\r\n", b"3\r\n yo\r\n0\r\n\r\n").endswith(b"hello yo/8")


def test_a_body_in_chunks_has_the_same_limit(port: int) -> None:
    head = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    assert status(said(port, head, b"200\r\n" + b"x" * 512 + b"\r\n", b"200\r\n" + b"x" * 512 + b"\r\n")) == 413


def test_a_slow_body_is_not_waited_for(impatient: None, port: int) -> None:
    assert status(said(port, b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc")) == 408


def test_a_slow_head_is_not_waited_for(impatient: None, port: int) -> None:
    assert status(said(port, b"GET / HTTP/1.1\r\nhost:")) == 408


def test_a_client_that_says_nothing_is_hung_up_on(impatient: None, port: int) -> None:
    assert status(said(port)) == 408


def test_a_long_head_is_refused(port: int) -> None:
    assert status(said(port, b"GET / HTTP/1.1\r\nhost: x\r\nx-long: " + b"x" * limits.MOST_HEAD_BYTES)) == 431


def test_a_second_request_on_the_same_line_has_its_own_time(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HEAD_SECONDS", 3.0)
    first = post(3).replace(b"connection: close\r\n", b"")
    answer = said(port, first, b"GET / HTTP/1.1\r\nhost:")
    assert (status(answer), b"408 Request Timeout" in answer) == (200, True)
