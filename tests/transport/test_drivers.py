"""Every way an exchange can end, in every phase, on both drivers: an answer, or whether the request may have arrived."""

from __future__ import annotations

import asyncio
import gzip
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_paygate.gateways.wire import Exchange, Flow, Pause, Reply, Request, Task, Undelivered
from airflow_provider_paygate.transport import awaiting, blocking
from airflow_provider_paygate.transport.blocking import Timeouts, timeouts_of
from tests.transport.servers import heard, reset, self_signed, serving

Drive = Callable[..., Any]
BODY = b'{"payload": "x"}'
PATIENCE = Timeouts(0.3, 0.3)


def flow_of(step: Any) -> Flow[Any]:
    return (yield step)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    """One event loop for all."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(params=["blocking", "awaiting"])
def run(request: pytest.FixtureRequest, loop: asyncio.Runner) -> Drive:
    """Run a flow with one of the two drivers."""
    if request.param == "blocking":
        return blocking.run
    return lambda flow, timeouts: loop.run(awaiting.run(flow, timeouts))


@pytest.fixture
def drive(run: Drive) -> Drive:
    """Run one step with one of the two drivers."""

    def driven(step: Any, timeouts: Timeouts = PATIENCE) -> Any:
        return run(flow_of(step), timeouts)

    return driven


def post(url: str, **more: Any) -> Exchange:
    return Exchange(Request("POST", url, {"Authorization": "Bearer tok", "X-A": "1"}, body=BODY, **more))


def undelivered(drive: Drive, url: str, timeouts: Timeouts = PATIENCE) -> Undelivered:
    with pytest.raises(Undelivered) as raised:
        drive(post(url + "?sender_id=INV-1"), timeouts)
    text = str(raised.value)
    assert "127.0.0.1" not in text
    assert "INV-1" not in text
    return raised.value


def answering(answer: bytes, keep: list[bytes] | None = None) -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        while True:
            request = heard(connection)
            if keep is not None:
                keep.append(request)
            connection.sendall(answer)

    return behave


def whole(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


# Phase: before anything was sent


def test_a_refused_connection_sent_nothing(drive: Drive) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert undelivered(drive, f"http://127.0.0.1:{port}/").sent is False


def test_a_name_that_nobody_knows_sent_nothing(drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert undelivered(drive, "https://pay.example.invalid/").sent is False


def test_a_connection_that_is_not_taken_in_time_sent_nothing(drive: Drive) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:  # the queue is full: the kernel lets the next one wait
            one.setblocking(False)
            one.connect_ex(listening.getsockname())
        begun = time.monotonic()
        error = undelivered(drive, f"http://127.0.0.1:{listening.getsockname()[1]}/")
        assert error.sent is False
        assert time.monotonic() - begun < 1.5
        for one in waiting:
            one.close()


def test_a_certificate_that_nobody_vouches_for_sent_nothing(drive: Drive, tmp_path: Path) -> None:
    requests: list[bytes] = []
    with serving(answering(whole(b"{}"), requests), self_signed(tmp_path)) as server:
        assert undelivered(drive, f"https://127.0.0.1:{server.port}/").sent is False
    assert requests == []


@pytest.mark.parametrize("handshake", ["plain http", "garbage", "closed", "reset", "silence"])
def test_a_handshake_that_fails_sent_nothing(drive: Drive, handshake: str) -> None:
    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        if handshake == "plain http":
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        elif handshake == "garbage":
            connection.sendall(b"\x00" * 100)
        elif handshake == "reset":
            reset(connection)
        elif handshake == "silence":
            connection.recv(65536)

    with serving(behave) as server:
        assert undelivered(drive, f"https://127.0.0.1:{server.port}/").sent is False


def test_too_little_of_the_lease_left_begins_no_call(drive: Drive) -> None:
    with serving(answering(whole(b"{}"))) as server:
        url = f"http://127.0.0.1:{server.port}/"
        soon = time.monotonic() + PATIENCE.whole_call - 0.01
        with pytest.raises(Undelivered) as raised:
            drive(Exchange(post(url).request, soon))
        assert raised.value.sent is False
        assert server.connections == 0
        assert drive(Exchange(post(url).request, time.monotonic() + PATIENCE.whole_call + 5)).status == 200


@pytest.mark.parametrize("url", ["http://[::1", "notaurl", "http://", "http://a b/"])
def test_what_is_no_url_sent_nothing(drive: Drive, url: str) -> None:
    with pytest.raises(Undelivered) as raised:
        drive(post(url))
    assert raised.value.sent is False


# Phase: after the request may have arrived


def broken(kind: str) -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        heard(connection)
        if kind == "reset":
            reset(connection)
        elif kind == "half a status line":
            connection.sendall(b"HTTP/1.1 20")
        elif kind == "no http":
            connection.sendall(b"SSH-2.0-OpenSSH_9\r\n")
        elif kind == "half a body":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        elif kind == "reset in the body":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
            reset(connection)
        elif kind == "half a chunk":
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n{")
        elif kind == "no gzip":
            connection.sendall(whole(b"{}", "Content-Encoding: gzip"))
        elif kind == "two lengths":
            connection.sendall(whole(b"{}", "Content-Length: 3"))
        elif kind == "less than no chunk":
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n{}\r\n0\r\n\r\n")
        # "closed": nothing at all

    return behave


@pytest.mark.parametrize("kind", ["reset", "closed", "half a status line", "no http", "half a body", "reset in the body",
                                  "half a chunk", "less than no chunk", "no gzip", "two lengths"])  # fmt: skip
def test_a_connection_that_breaks_after_the_request_may_have_delivered_it(drive: Drive, kind: str) -> None:
    with serving(broken(kind)) as server:
        assert undelivered(drive, f"http://127.0.0.1:{server.port}/").sent is True
        assert server.connections == 1  # and nothing is tried again


def slow(kind: str) -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        heard(connection)
        if kind.startswith("silence"):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{" if "body" in kind else b"")
            connection.recv(1)
            return
        head = {
            "status line": b"HTTP/1.1 200 " + b"O" * 1000,
            "headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500,
            "body": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b" " * 1000,
            "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 500,
            "until closed": b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 1000,
        }[kind]
        for place in range(len(head)):
            connection.sendall(head[place : place + 1])
            if place > 30:
                time.sleep(0.05)

    return behave


@pytest.mark.parametrize(
    "kind", ["silence", "silence in the body", "status line", "headers", "body", "chunks", "until closed"]
)
def test_an_answer_that_takes_too_long_ends_with_the_lease_that_waits_for_it(drive: Drive, kind: str) -> None:
    """A time-out of silence alone would wait for a trickle for ever."""
    with serving(slow(kind)) as server:
        begun = time.monotonic()
        assert undelivered(drive, f"http://127.0.0.1:{server.port}/", Timeouts(0.1, 0.2)).sent is True
        assert time.monotonic() - begun < 0.1 + 2 * 0.2 + 0.4
        assert server.connections == 1


def test_an_answer_without_end_is_not_kept_in_memory(drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking, "LARGEST_REPLY", 100_000)
    with serving(answering(whole(b" " * 1_000_000))) as server:
        assert undelivered(drive, f"http://127.0.0.1:{server.port}/", Timeouts(1, 5)).sent is True


# Answers


@pytest.mark.parametrize(
    "status", ["200 OK", "201 Created", "400 Bad", "401 Who", "404 No", "429 Slow", "500 Oh", "502 Bad"]
)
def test_every_status_is_an_answer(drive: Drive, status: str) -> None:
    with serving(answering(whole(b'{"a": 1}', "Retry-After: 7", "X-Thing: V", status=status))) as server:
        reply = drive(post(f"http://127.0.0.1:{server.port}/p"))
    assert isinstance(reply, Reply)
    assert (reply.status, reply.body) == (int(status[:3]), b'{"a": 1}')
    assert (reply.headers["retry-after"], reply.headers["x-thing"]) == ("7", "V")
    assert "Retry" not in repr(reply)


def test_what_is_sent_is_exactly_what_was_asked_for(drive: Drive) -> None:
    requests: list[bytes] = []
    with serving(answering(whole(b"{}"), requests)) as server:
        url = f"http://127.0.0.1:{server.port}/pre/fix/"
        drive(Exchange(Request("POST", url, {"Authorization": "Bearer tok"}, {"a": "1 2", "b": "ü&"}, BODY)))
    head, _, body = requests[0].partition(b"\r\n\r\n")
    assert body == BODY
    assert head.split(b"\r\n")[0] in {
        b"POST /pre/fix/?a=1+2&b=%C3%BC%26 HTTP/1.1",
        b"POST /pre/fix/?a=1%202&b=%C3%BC%26 HTTP/1.1",
    }
    assert b"authorization: bearer tok" in head.lower()


def test_a_path_that_has_a_query_keeps_it(drive: Drive) -> None:
    requests: list[bytes] = []
    with serving(answering(whole(b"{}"), requests)) as server:
        drive(Exchange(Request("GET", f"http://127.0.0.1:{server.port}/p?tenant=7", {}, {"a": "1"})))
    assert requests[0].startswith(b"GET /p?tenant=7&a=1 HTTP/1.1\r\n")


def test_multipart_fields_arrive_as_form_data(drive: Drive) -> None:
    requests: list[bytes] = []
    with serving(answering(whole(b"{}"), requests)) as server:
        url = f"http://127.0.0.1:{server.port}/"
        drive(Exchange(Request("POST", url, multipart={"amount": "1.00", "name": "Åsa"})))
    head, _, body = requests[0].partition(b"\r\n\r\n")
    assert b"multipart/form-data; boundary=" in head
    assert b'name="amount"\r\n\r\n1.00\r\n' in body.replace(b"\r\nContent-Type: text/plain", b"")
    assert "Åsa".encode() in body
    assert b"filename" not in body


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 Same", "308 Same"])
def test_a_redirect_is_an_answer_and_nobody_follows_it(drive: Drive, status: str) -> None:
    with serving(answering(whole(b"{}"))) as target:
        moved = whole(b"", f"Location: http://127.0.0.1:{target.port}/", status=status)
        with serving(answering(moved)) as server:
            assert drive(post(f"http://127.0.0.1:{server.port}/")).status == int(status[:3])
        assert target.connections == 0


def test_a_compressed_answer_is_opened(drive: Drive) -> None:
    with serving(answering(whole(gzip.compress(b'{"a": 1}'), "Content-Encoding: gzip"))) as server:
        assert drive(post(f"http://127.0.0.1:{server.port}/")).body == b'{"a": 1}'


def test_an_answer_in_chunks_is_whole(drive: Drive) -> None:
    chunked = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"a"\r\n4\r\n: 1}\r\n0\r\n\r\n'
    with serving(answering(chunked)) as server:
        assert drive(post(f"http://127.0.0.1:{server.port}/")).body == b'{"a": 1}'


def test_a_netrc_never_replaces_our_token(drive: Drive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    requests: list[bytes] = []
    with serving(answering(whole(b"{}"), requests)) as server:
        drive(post(f"http://127.0.0.1:{server.port}/"))
    assert b"bearer tok" in requests[0].lower()
    assert b"basic" not in requests[0].lower()


def test_one_connection_serves_many_and_carries_no_cookie(run: Drive) -> None:
    requests: list[bytes] = []

    def flow() -> Flow[None]:
        for _ in range(2):
            yield post(f"http://127.0.0.1:{server.port}/")

    with serving(answering(whole(b"{}", "Set-Cookie: session=abc; Path=/"), requests)) as server:
        run(flow(), PATIENCE)
        assert (server.connections, len(requests)) == (1, 2)
    assert b"cookie" not in requests[1].lower()


def test_a_connection_that_was_closed_while_it_was_idle_is_not_used_again(run: Drive) -> None:
    """Else the first payout after a pause would have an unknown outcome."""

    def behave(connection: socket.socket) -> None:
        heard(connection)
        connection.sendall(whole(b"{}"))

    def flow(url: str) -> Flow[None]:
        for _ in range(3):
            yield post(url)
            yield Pause(0.03)

    with serving(behave) as server:
        run(flow(f"http://127.0.0.1:{server.port}/"), PATIENCE)
        assert server.connections == 3


def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next_one(run: Drive) -> None:
    """A balancer says 408 on a connection that is idle; a refusal that is told twice would be another payment's."""

    def behave(connection: socket.socket) -> None:
        heard(connection)
        connection.sendall(whole(b"{}"))
        time.sleep(0.02)
        connection.sendall(whole(b"{}", status="408 Request Timeout"))
        connection.recv(1)

    def flow(url: str) -> Flow[list[int]]:
        first = yield post(url)
        yield Pause(0.06)
        return [first.status, (yield post(url)).status]

    with serving(behave) as server:
        assert run(flow(f"http://127.0.0.1:{server.port}/"), PATIENCE) == [200, 200]
        assert server.connections == 2


# The environment


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """What a process reads of its environment once, it reads anew."""

    def forget() -> None:
        awaiting._routes.clear()
        awaiting._trusted.cache_clear()
        blocking.proxies_of.cache_clear()

    forget()
    yield monkeypatch
    forget()


def test_a_certificate_that_the_environment_vouches_for_is_trusted(
    drive: Drive, tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    with serving(answering(whole(b"{}")), self_signed(tmp_path)) as server:
        environment.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "server.pem"))
        assert drive(post(f"https://127.0.0.1:{server.port}/")).status == 200


@pytest.mark.parametrize("scheme", ["http://", ""])
def test_a_proxy_that_the_environment_names_is_used(drive: Drive, environment: pytest.MonkeyPatch, scheme: str) -> None:
    requests: list[bytes] = []
    with serving(answering(whole(b"{}"), requests)) as proxy:
        environment.setenv("http_proxy", f"{scheme}127.0.0.1:{proxy.port}")
        environment.setenv("no_proxy", "")
        assert drive(post("http://pay.example.invalid/p")).status == 200
    assert requests[0].startswith(b"POST http://pay.example.invalid/p HTTP/1.1\r\n")


@pytest.mark.parametrize("url", ["http://pay.example.invalid/", "https://pay.example.invalid/"])
def test_a_proxy_that_cannot_be_reached_sent_nothing(drive: Drive, environment: pytest.MonkeyPatch, url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    environment.setenv("http_proxy", f"http://127.0.0.1:{port}")
    environment.setenv("https_proxy", f"http://127.0.0.1:{port}")
    environment.setenv("no_proxy", "")
    assert undelivered(drive, url).sent is False


def test_a_proxy_that_refuses_the_tunnel_sent_nothing(drive: Drive, environment: pytest.MonkeyPatch) -> None:
    with serving(answering(whole(b"no", status="403 Forbidden"))) as proxy:
        environment.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        environment.setenv("no_proxy", "")
        assert undelivered(drive, "https://pay.example.invalid/").sent is False


@pytest.mark.parametrize("end", ["reset", "closed"])
def test_a_proxy_that_breaks_after_the_request_may_have_passed_it_on(
    drive: Drive, environment: pytest.MonkeyPatch, end: str
) -> None:
    def behave(connection: socket.socket) -> None:
        heard(connection)
        if end == "reset":
            reset(connection)

    with serving(behave) as proxy:
        environment.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        environment.setenv("no_proxy", "")
        assert undelivered(drive, "http://pay.example.invalid/").sent is True


@pytest.mark.parametrize("end", ["reset", "closed"])
def test_a_tunnel_that_breaks_after_the_request_may_have_delivered_it(
    drive: Drive, tmp_path: Path, environment: pytest.MonkeyPatch, end: str
) -> None:
    tls = self_signed(tmp_path)

    def behave(connection: socket.socket) -> None:
        assert heard(connection).startswith(b"CONNECT")
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        tunnel = tls.wrap_socket(connection, server_side=True)
        heard(tunnel)
        if end == "reset":
            reset(tunnel)
        else:
            tunnel.close()

    with serving(behave) as proxy:
        environment.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "server.pem"))
        environment.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        environment.setenv("no_proxy", "")
        assert undelivered(drive, "https://127.0.0.1:9/").sent is True


# Flows


def test_tasks_and_pauses_are_done_and_failures_belong_to_the_flow(drive: Drive) -> None:
    assert drive(Task(lambda: 41 + 1)) == 42
    begun = time.monotonic()
    assert drive(Pause(0.05)) is None
    assert time.monotonic() - begun >= 0.05
    with pytest.raises(ZeroDivisionError):
        drive(Task(lambda: 1 / 0))
    with pytest.raises(TypeError):
        drive("no step")


def test_a_flow_may_catch_what_failed_and_go_on(run: Drive) -> None:
    def flow() -> Flow[str]:
        try:
            yield Task(lambda: 1 / 0)
        except ZeroDivisionError:
            return str((yield Task(lambda: "went on")))
        return "did not fail"

    assert run(flow(), PATIENCE) == "went on"


def test_a_flow_on_an_event_loop_does_not_hold_the_loop_up(loop: asyncio.Runner) -> None:
    async def both() -> float:
        begun = time.monotonic()
        await asyncio.gather(*(awaiting.run(flow_of(Task(lambda: time.sleep(0.1))), PATIENCE) for _ in range(4)))
        return time.monotonic() - begun

    assert loop.run(both()) < 0.35


def test_the_whole_call_is_never_longer_than_its_parts() -> None:
    assert timeouts_of(30) == Timeouts(10, 30)
    assert timeouts_of(0.5) == Timeouts(0.5, 0.5)
    assert timeouts_of(30).whole_call == 70
