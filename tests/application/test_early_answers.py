"""A client that sends everything before it reads can read a response that comes before the end of its request,
over TLS, too."""

import asyncio
import datetime
import gzip
import ipaddress
import socket
import tempfile
import threading
import time
import unittest

import requests
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from mlflow_sso.body_limits import LARGE, MIB, PUBLIC, USUAL
from tests.environment import ADMIN, PROVIDER
from tests.served import application, people

API = "/api/2.0/mlflow"
ARTIFACT = "/api/2.0/mlflow-artifacts/artifacts/1/large"
SPANS = {"Content-Type": "application/x-protobuf", "X-MLflow-Experiment-Id": "0"}
TOO_LARGE = 70 * MIB


def certificate(path):
    """A key and a certificate for 127.0.0.1, in one file."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with open(path, "wb") as file:
        file.write(private + made.public_bytes(serialization.Encoding.PEM))


class Body:
    """A body that takes no memory; without a length it is chunked."""

    def __init__(self, size, declared):
        self.left = size
        if declared:
            self.len = size

    def read(self, size=-1):
        size = min(self.left, MIB if size < 0 else size)
        self.left -= size
        return b"x" * size

    def __iter__(self):
        while part := self.read(64 << 10):
            yield part


class Server:
    """The application as uvicorn serves it in the image, in a separate thread."""

    def __init__(self, **options):
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]
        config = uvicorn.Config(application(), host="127.0.0.1", port=self.port, log_level="critical", http="h11", **options)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve()))
        self._thread.start()
        while not self._server.started:
            time.sleep(0.05)

    def close(self):
        self._server.should_exit = True
        self._thread.join()


class TestEarlyAnswers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        people(ADMIN)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.pem = folder.name + "/server.pem"
        certificate(cls.pem)
        servers = {"https": Server(ssl_certfile=cls.pem, ssl_keyfile=cls.pem), "http": Server()}
        for server in servers.values():
            cls.addClassCleanup(server.close)
        cls.addresses = [f"{scheme}://127.0.0.1:{server.port}" for scheme, server in servers.items()]
        cls.admin = {name.decode(): value.decode() for name, value in PROVIDER.bearer(ADMIN)}

    def ask(self, path, status, says, content=None, headers=None, size=TOO_LARGE, method="POST"):
        for address in self.addresses:
            for declared in True, False:
                with self.subTest(f"{address} {path} declared: {declared}"):
                    body = content if content is not None else Body(size, declared)
                    sent = body if declared or content is None else iter([body[at : at + MIB] for at in range(0, len(body), MIB)])
                    got = requests.request(method, address + path, data=sent, headers={"Host": "mlflow:5000", **self.admin, **(headers or {})}, verify=self.pem, timeout=60)
                    self.assertEqual(got.status_code, status, got.text)
                    self.assertIn(says, got.text)
                    # Some clients read what came before a reset, others report a TLS error: there must be no
                    # reset.
                    self.assertEqual(getattr(body, "left", 0), 0, "the server ended the connection before the request's end")

    def test_every_bound_on_the_size_of_a_body(self):
        for path, most in (
            (f"{API}/experiments/set-experiment-tag", USUAL),
            ("/api/2.0/mlflow-artifacts/mpu/create/1/x", USUAL),
            (f"{API}/runs/log-batch", LARGE),
            ("/v1/traces", LARGE),
            ("/health", PUBLIC),
        ):
            self.ask(path, 413, f"{most // MIB} MiB" if most >= MIB else f"{most >> 10} KiB", headers=SPANS)

    def test_a_body_that_is_too_large_when_it_is_unpacked(self):
        packed = gzip.compress(bytes(LARGE * 2)) + gzip.compress(bytes(LARGE - MIB), 0)
        self.ask("/v1/traces", 413, "unpacks to more than 16 MiB", packed, {"Content-Encoding": "gzip", **SPANS})

    def test_a_body_of_too_many_lists_or_values(self):
        for content, says in ((b"[" + b"[]," * (4 * MIB) + b"[]]", "lists and objects"), (b"[" + b"1," * (6 * MIB) + b"1]", "values")):
            self.ask(f"{API}/runs/log-batch", 413, says, content, {"Content-Type": "application/json"})

    def test_an_unsupported_encoding(self):
        self.ask("/v1/traces", 415, "content encoding", headers={"Content-Encoding": "br", **SPANS}, size=LARGE - MIB)

    def test_a_page_of_another_origin(self):
        self.ask(ARTIFACT, 403, "", headers={"Origin": "https://evil.example.com", "Authorization": "", "Cookie": "session=x"}, method="PUT")

    def test_an_upload_without_credentials(self):
        self.ask(ARTIFACT, 401, "", headers={"Authorization": ""}, method="PUT")
