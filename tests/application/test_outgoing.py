"""Addresses that a call may use, whatever a name resolves to and when."""

import asyncio
import itertools
import socket
import time
import unittest
from unittest import mock

import aiohttp
from mlflow_sso import outgoing
from mlflow_sso.outgoing_targets import Refused, Targets

PUBLIC = "93.184.215.14"


def targets(hosts="api.example.com", own=""):
    return Targets.read("mlflow.gateway", "X", {"X_HOSTS": hosts, "X_OWN_SERVERS": own})


class TestOutgoing(unittest.IsolatedAsyncioTestCase):
    async def tried(self, url, *answers, allowed=None):
        """The addresses that a call connects to if each lookup returns the next response; and the number of
        lookups."""
        connected, asked = [], []

        async def getaddrinfo(_, host, port, **__):
            found = answers[min(len(asked), len(answers) - 1)]
            asked.append(host)
            return [(socket.AF_INET6 if ":" in a else socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in found]

        async def connect(_, __, address):
            connected.append(address[0])
            raise OSError("the network is forbidden in this test")

        loop = type(asyncio.get_running_loop())
        with mock.patch.object(loop, "getaddrinfo", getaddrinfo), mock.patch.object(loop, "sock_connect", connect):
            try:
                async with outgoing.post(allowed or targets(), url, headers={}, total=5, json={}):
                    self.fail("want no answer")
            except aiohttp.ClientError:
                pass
            except Refused as refused:
                for answer in answers:
                    for address in answer:
                        self.assertNotIn(address, str(refused))
                return connected, len(asked), str(refused)
        return connected, len(asked), ""

    async def test_a_name_is_resolved_once_and_the_connection_goes_to_what_was_checked(self):
        self.assertEqual(await self.tried("https://api.example.com/v1", [PUBLIC], ["127.0.0.1"]), ([PUBLIC], 1, ""))

    async def test_one_address_that_is_not_public_refuses_all(self):
        for address in ("10.0.0.1", "172.19.0.2", "192.168.1.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "::1", "fe80::1", "fd00::1",
                        "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "::"):  # fmt: skip
            connected, _, said = await self.tried("https://api.example.com/v1", [PUBLIC, address])
            self.assertEqual(connected, [], address)
            self.assertIn("address of api.example.com", said, address)

    async def test_an_own_server_may_be_private_and_is_never_link_local_or_the_server_itself(self):
        own = targets(own="http://llm.internal:8000")
        self.assertEqual((await self.tried("http://llm.internal:8000/v1", ["10.0.0.5"], allowed=own))[0], ["10.0.0.5"])
        for address in ("169.254.169.254", "127.0.0.1", "::1", "fe80::1", "0.0.0.0", "224.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254"):
            self.assertEqual((await self.tried("http://llm.internal:8000/v1", ["10.0.0.5", address], allowed=own))[0], [], address)
        own = targets(own="http://169.254.169.254:80")
        self.assertEqual((await self.tried("http://169.254.169.254/latest", [PUBLIC], allowed=own))[0], [])

    async def test_only_a_listed_origin_is_found(self):
        allowed = targets("api.example.com,llm.example.com:8443", "http://10.0.0.5:8000")
        for url in ("https://api.example.com/v1", "https://API.example.com./v1", "https://api.example.com:443", "https://llm.example.com:8443/x", "http://10.0.0.5:8000/v1"):
            allowed.find(url)
        for url in ("http://api.example.com", "https://api.example.com:8443", "https://llm.example.com", "https://10.0.0.5:8000", "http://10.0.0.5", "https://x.api.example.com",
                    "https://api.example.com.evil.test", "https://api.example.com@evil.test", "https://evil.test/@api.example.com", "https://u@api.example.com", "//api.example.com",
                    "api.example.com", "", "https://", "https://api.example.com:x", "https://api.example.com\\@evil.test", "https://evil.test#@api.example.com", "file:///etc/passwd"):  # fmt: skip
            with self.assertRaises(Refused, msg=url):
                allowed.find(url)

    async def test_a_blocked_side_loop_does_not_block_the_server_s(self):
        side, ticks = outgoing.SideLoop("test"), []

        async def blocking(scope, receive, send):
            time.sleep(0.5)  # what a provider's own client would do
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": (await receive())["body"]})

        async def tick():
            while True:
                ticks.append(time.monotonic())
                await asyncio.sleep(0.02)

        sent, ticking, left = [], asyncio.create_task(tick()), asyncio.Event()
        body = [{"type": "http.request", "body": b"x", "more_body": False}]

        async def receive():
            if body:
                return body.pop()
            await left.wait()

        async def send(message):
            sent.append(message)

        await side.serve(blocking, {"type": "http"}, receive, send)
        ticking.cancel()
        self.assertEqual([m.get("body") for m in sent], [None, b"x"])
        self.assertGreater(len(ticks), 10)
        self.assertLess(max(b - a for a, b in itertools.pairwise(ticks)), 0.3)
