"""Invariants of every response through the bridge, tested with Flask itself."""

import asyncio
import contextvars
import io
import os
import tempfile
import threading
import unittest
from unittest import mock

from asgiref.wsgi import WsgiToAsgi
from flask import Flask, Response, redirect, request, send_file, stream_with_context
from mlflow_sso import asgi_wsgi_bridge
from tests.asgi import Client

who = contextvars.ContextVar("who", default="unset")
LARGE = os.urandom(asgi_wsgi_bridge.PART * 40 + 17)


def make_flask(folder):
    flask = Flask(__name__)
    flask.closed = []
    flask.step = threading.Event()
    flask.step.set()
    with open(os.path.join(folder, "large"), "wb") as file:
        file.write(LARGE)

    def add(path, answer, **options):
        flask.add_url_rule(path, path, answer, **options)

    add("/json", lambda: {"who": who.get(), "body": len(request.get_data())}, methods=["GET", "POST"])
    add("/nothing", lambda: ("", 204))
    add("/redirected", lambda: redirect("/json"))
    add("/echo", lambda: request.get_data(), methods=["POST"])
    add("/large", lambda: send_file(os.path.join(folder, "large"), etag=False, last_modified=1))
    add("/memory", lambda: send_file(io.BytesIO(LARGE), mimetype="text/plain"))
    add("/fails", lambda: 1 // 0)

    @flask.route("/parts")
    def parts():
        def made():
            for n in range(3):
                yield f"{request.args.get('name', '')}{n} "
                flask.step.wait(10)

        answer = Response(stream_with_context(made()))
        answer.call_on_close(lambda: flask.closed.append("parts"))
        return answer

    @flask.route("/breaks")
    def breaks():
        def made():
            yield "a part"
            raise RuntimeError("in the middle")

        answer = Response(made())
        answer.call_on_close(lambda: flask.closed.append("breaks"))
        return answer

    return flask


def undated(headers):
    """The headers without the response's time, which varies."""
    return [header for header in headers if header[0] != b"date"]


class TestBridge(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.flask = make_flask(folder.name)

    def bridged(self, threads=1, requests=50, patience=10, spool=None):
        made = asgi_wsgi_bridge.Bridge(threads, requests, patience, spool)
        return lambda scope, receive, send: made.serve(self.flask, scope, receive, send)

    async def stuck(self, application, path="/large"):
        """A client that has accepted the head and one part, and accepts no more."""
        client = Client(path=path)
        client.takes.clear()
        task = asyncio.create_task(client.ask(application))
        await until(lambda: client.messages)
        return client, task

    async def test_a_client_that_does_not_read_never_holds_a_thread(self):
        application = self.bridged(threads=1)
        stuck = [await self.stuck(application) for _ in range(20)]
        other = await asyncio.wait_for(Client(path="/json").ask(application), 5)
        self.assertEqual(other.status, 200)
        for client, task in stuck:
            self.assertFalse(task.done())
            client.takes.set()
            await asyncio.wait_for(task, 20)
            self.assertEqual(client.content, LARGE)

    async def test_a_client_that_does_not_send_never_holds_a_thread(self):
        application = self.bridged(threads=1)
        silent = Client("POST", "/echo", body=[])
        task = asyncio.create_task(silent.ask(application))
        self.assertEqual((await asyncio.wait_for(Client(path="/json").ask(application), 5)).status, 200)
        silent.left.set()
        await asyncio.wait_for(task, 5)

    async def test_a_silent_client_gets_408(self):
        got = await asyncio.wait_for(Client("POST", "/echo", body=[]).ask(self.bridged(patience=0.05)), 5)
        self.assertEqual(got.status, 408)

    async def test_answers_are_those_of_the_plugins_own_adapter(self):
        theirs, ours = WsgiToAsgi(self.flask), self.bridged()
        some_range = [(b"range", b"bytes=70000-200000")]
        requests = [
            ("GET", "/json"), ("HEAD", "/json"), ("POST", "/json", [b"a" * 10, b"b" * 300_000], [(b"content-length", b"300010")]), ("PUT", "/json"),
            ("OPTIONS", "/json"), ("GET", "/nothing"), ("GET", "/redirected"), ("GET", "/missing"), ("GET", "/fails"),
            ("GET", "/large"), ("HEAD", "/large"), ("GET", "/large", [b""], some_range), ("GET", "/memory"),
            ("GET", "/memory", [b""], some_range), ("GET", "/large", [b""], [(b"range", b"bytes=99999999-")]),
            ("GET", "/parts", [b""], [], b"name=x%20y"), ("POST", "/echo", [os.urandom(100_000)] * 9, [(b"content-length", b"900000")]),
            ("GET", "/json", [b""], [(b"x", b"1")] * 101), ("GET", "/json", [b""], [(b"x", b"1")] * 100),
        ]  # fmt: skip
        for wanted in requests:
            with self.subTest(" ".join(wanted[:2])):
                want, got = await Client(*wanted).ask(theirs), await Client(*wanted).ask(ours)
                self.assertEqual(got.status, want.status)
                self.assertEqual(got.content, want.content)
                if want.status < 400 or want.status == 416:
                    self.assertEqual(undated(got.headers), undated(want.headers))

    async def test_the_application_sees_the_callers_context(self):
        who.set("a-user")
        got = await Client(path="/json").ask(self.bridged())
        self.assertIn(b"a-user", got.content)

    async def test_a_part_is_sent_before_the_next_is_produced(self):
        self.flask.step.clear()
        client = Client(path="/parts", query=b"name=n")
        task = asyncio.create_task(client.ask(self.bridged()))
        await until(lambda: client.content)
        self.assertEqual(client.content, b"n0 ")
        self.flask.step.set()
        await asyncio.wait_for(task, 5)
        self.assertEqual(client.content, b"n0 n1 n2 ")
        self.assertEqual(self.flask.closed, ["parts"])

    async def test_a_response_is_closed_when_its_client_disconnects(self):
        application = self.bridged()
        client, task = await self.stuck(application, "/large")
        taken = len(client.content)
        client.left.set()
        await asyncio.sleep(0.1)
        client.takes.set()
        await asyncio.wait_for(task, 10)
        self.assertLessEqual(len(client.content), taken + 2 * asgi_wsgi_bridge.PART, "it went on without a client")
        self.assertEqual([], [n for n in os.listdir("/proc/self/fd") if _target(n) == os.path.join(self.folder, "large")])

    async def test_an_answer_that_breaks_is_closed_and_reported_to_the_server(self):
        with self.assertRaisesRegex(RuntimeError, "in the middle"):
            await Client(path="/breaks").ask(self.bridged())
        self.assertEqual(self.flask.closed, ["breaks"])

    async def test_a_response_without_a_client_is_closed(self):
        self.flask.step.clear()
        client, task = await self.stuck(self.bridged(), "/parts")
        client.takes.set()
        await until(lambda: client.content)  # the next part is in progress
        task.cancel()
        await asyncio.sleep(0.1)
        self.assertEqual(self.flask.closed, [])
        self.flask.step.set()
        with self.assertRaises(asyncio.CancelledError):
            await task
        self.assertEqual(self.flask.closed, ["parts"])

    async def test_too_many_requests_are_refused_until_there_is_room(self):
        application = self.bridged(requests=2)
        stuck = [await self.stuck(application) for _ in range(2)]
        refused = await Client(path="/json").ask(application)
        self.assertEqual(refused.status, 503)
        self.assertIn((b"retry-after", b"5"), refused.headers)
        for client, task in stuck:
            client.takes.set()
            await task
        self.assertEqual((await Client(path="/json").ask(application)).status, 200)

    async def test_room_is_given_back_whatever_happens(self):
        application = self.bridged(requests=1, patience=0.05)
        for _ in range(3):
            with self.assertRaises(RuntimeError):
                await Client(path="/breaks").ask(application)
            self.assertEqual((await Client("POST", "/echo", body=[]).ask(application)).status, 408)
        gone = Client("POST", "/echo", body=[])
        gone.left.set()
        await gone.ask(application)
        self.assertEqual((await Client(path="/json").ask(application)).status, 200)

    async def test_a_body_in_chunks_is_read_whole(self):
        for parts in ([b"some", b" more"], [b""], [os.urandom(asgi_wsgi_bridge.IN_MEMORY // 2)] * 5):
            for coding in (b"chunked", b"gzip, chunked"):
                got = await Client("POST", "/echo", parts, [(b"transfer-encoding", coding)]).ask(self.bridged())
                self.assertEqual(got.content, b"".join(parts))

    async def test_long_bodies_leave_a_part_of_the_disk_free_and_nothing_behind(self):
        body = [os.urandom(asgi_wsgi_bridge.IN_MEMORY) for _ in range(4)]
        application = self.bridged(requests=1, spool=self.folder)
        real = os.statvfs(self.folder)
        small, large = 1000, 1 << 40
        for of, reserve in (
            (small, asgi_wsgi_bridge.RESERVE * small * real.f_frsize),
            (large, asgi_wsgi_bridge.RESERVE_BYTES),
        ):
            for left, status in ((asgi_wsgi_bridge.IN_MEMORY, 507), (asgi_wsgi_bridge.IN_MEMORY * 6, 200)):
                disk = mock.Mock(f_bavail=int((reserve + left) / real.f_frsize), f_frsize=real.f_frsize, f_blocks=of)
                with mock.patch("os.fstatvfs", return_value=disk):
                    got = await Client("POST", "/echo", body).ask(application)
                self.assertEqual(got.status, status)
                self.assertEqual((await Client("POST", "/echo", [b"short"]).ask(application)).status, 200)
            self.assertEqual([n for n in os.listdir("/proc/self/fd") if (_target(n) or "").startswith(self.folder + "/")], [])

    async def test_long_bodies_go_to_the_folder_and_leave_no_name_there(self):
        with tempfile.TemporaryDirectory() as folder:
            seen = []
            body = [os.urandom(asgi_wsgi_bridge.IN_MEMORY) for _ in range(3)]
            flask = Flask("names")

            @flask.route("/echo", methods=["POST"])
            def echo():
                seen.extend(os.listdir(folder))
                seen.extend(n for n in os.listdir("/proc/self/fd") if (_target(n) or "").startswith(folder))
                return request.get_data()

            made = asgi_wsgi_bridge.Bridge(1, 1, 5, folder)
            got = await Client("POST", "/echo", body=body).ask(lambda *a: made.serve(flask, *a))
            self.assertEqual(got.content, b"".join(body))
            self.assertEqual(len(seen), 1, "want one open file there, without a name")
            self.assertEqual(os.listdir(folder), [])


async def until(condition, seconds=10):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def _target(descriptor):
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return None
