"""A real HTTPS server that misbehaves on request, with its own certificate authority."""

import datetime
import ipaddress
import ssl
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Responder = Callable[[BaseHTTPRequestHandler], None]
VALID_FROM = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
VALID_UNTIL = datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)


class Web:
    """Answers each path with the responders queued for it, the last one for ever; counts requests by path.

    `missing` is the status of other paths, `head` that of all HEAD requests.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: dict[str, int] = defaultdict(int)
        self.ranges: dict[str, list[str | None]] = defaultdict(list)
        self.queries: list[str] = []
        self.authorizations: list[str | None] = []
        self.missing, self.head = 404, 405
        self._scripts: dict[str, deque[Responder]] = {}

    def script(self, path: str, *responders: Responder) -> str:
        self._scripts[unquote(path)] = deque(responders)
        return f"{self.url}{path}"

    def serve(self, prefix: str, files: dict[str, bytes]) -> str:
        """Have files below a prefix, and return its URL."""
        for name, body in files.items():
            self.script(f"{prefix}/{name}", content(body))
        return f"{self.url}{prefix}"

    def tell(self, request: BaseHTTPRequestHandler) -> None:
        """Answer HEAD: no ETag, so that whoever wants to know has to read."""
        _head(request, self.head)

    def respond(self, request: BaseHTTPRequestHandler) -> None:
        path, _, query = request.path.partition("?")
        path = unquote(path)
        self.queries.append(query)
        self.authorizations.append(request.headers.get("authorization"))
        self.requests[path] += 1
        self.ranges[path].append(request.headers.get("range"))
        responders = self._scripts.get(path) or deque([status(self.missing)])
        (responders.popleft() if len(responders) > 1 else responders[0])(request)


def content(body: bytes) -> Responder:
    def respond(request: BaseHTTPRequestHandler) -> None:
        _head(request, 200, ("content-length", str(len(body))))
        request.wfile.write(body)

    return respond


def drip(body: bytes, pause: float) -> Responder:
    """Send the body in ten pieces without saying how long it is."""

    def respond(request: BaseHTTPRequestHandler) -> None:
        _head(request, 200)
        step = -(-len(body) // 10)
        for start in range(0, len(body), step):
            request.wfile.write(body[start : start + step])
            request.wfile.flush()
            threading.Event().wait(pause)

    return respond


def cut(body: bytes) -> Responder:
    """Promise the whole body, send half, hang up."""

    def respond(request: BaseHTTPRequestHandler) -> None:
        _head(request, 200, ("content-length", str(len(body))))
        request.wfile.write(body[: len(body) // 2])

    return respond


def part(
    body: bytes, *validators: tuple[str, str], most: int | None = None, heeds_if_range: bool = True, shift: int = 0
) -> Responder:
    """Answer range requests for a body with these validators, and hang up after `most` bytes of the body."""

    def respond(request: BaseHTTPRequestHandler) -> None:
        start = int(request.headers.get("range", "bytes=0-")[len("bytes=") : -1])
        same = request.headers.get("if-range") in dict(validators).values() or not heeds_if_range
        if not start or not same:
            start = 0
            _head(request, 200, ("content-length", str(len(body))), *validators)
        elif start >= len(body):
            _head(request, 416, ("content-range", f"bytes */{len(body)}"))
            return
        else:
            start += shift
            content_range = f"bytes {start}-{len(body) - 1}/{len(body)}"
            _head(
                request, 206, ("content-length", str(len(body) - start)), ("content-range", content_range), *validators
            )
        request.wfile.write(body[start : None if most is None else start + most])

    return respond


def status(code: int, *headers: tuple[str, str], body: bytes = b"") -> Responder:
    def respond(request: BaseHTTPRequestHandler) -> None:
        _head(request, code, ("content-length", str(len(body))), *headers)
        request.wfile.write(body)

    return respond


def _head(request: BaseHTTPRequestHandler, code: int, *headers: tuple[str, str]) -> None:
    request.send_response(code)
    for header in headers:
        request.send_header(*header)
    request.send_header("connection", "close")
    request.end_headers()


@contextmanager
def web_server(certificate: Path | None) -> Iterator[Web]:
    """Serve on loopback, by TLS when given a file with a certificate and its key."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            web.respond(self)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            web.respond(self)

        def do_HEAD(self) -> None:
            web.tell(self)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:  # clients that hang up are part of the tests
            pass

    server = Server(("127.0.0.1", 0), Handler)
    web = Web(f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}")
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def make_authority(directory: Path) -> tuple[Path, Path]:
    """Return a file with an authority's certificate, and one with a certificate of 127.0.0.1 by it, and its key."""
    root_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name, leaf_name = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("Test Root", "127.0.0.1")
    )

    def sign(
        subject: x509.Name, key: ec.EllipticCurvePrivateKey, *extensions: tuple[x509.ExtensionType, bool]
    ) -> bytes:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(root_name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(VALID_FROM).not_valid_after(VALID_UNTIL)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(root_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    root_file, leaf_file = directory / "root.pem", directory / "leaf.pem"
    root_file.write_bytes(sign(root_name, root_key, (x509.BasicConstraints(ca=True, path_length=0), True)))
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    leaf_file.write_bytes(
        leaf_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + sign(leaf_name, leaf_key, (address, False))
    )
    return root_file, leaf_file
