"""The metrics port: what Prometheus and the operator read.

On threads of its own, so that it answers while the event loop is busy with inference.
"""

import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import orjson
from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from leadsman_serving.errors import Code, ServingError

Document = Callable[[str], bytes]
"""Returns the JSON to answer a GET with this query string with, or raises ServingError."""


def start_metrics_server(host: str, port: int, registry: CollectorRegistry, documents: Mapping[str, Document]) -> None:
    """Answer until the process ends: each path of `documents` with its JSON, any other with the registry's metrics.

    Raises OSError when the port cannot be had.
    """

    class Server(ThreadingWSGIServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    server = make_server(host, port, _application(registry, documents), Server, _Handler)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()


class _Handler(WSGIRequestHandler):
    """Does without an access log."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _application(registry: CollectorRegistry, documents: Mapping[str, Document]) -> WSGIApplication:
    metrics: WSGIApplication = make_wsgi_app(registry)

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        document = documents.get(environ["PATH_INFO"])
        if document is None:
            return metrics(environ, start_response)
        status, body = _answer(document, environ)
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start_response(f"{status} {HTTPStatus(status).phrase}", headers)
        return [body]

    return application


def _answer(document: Document, environ: WSGIEnvironment) -> tuple[int, bytes]:
    try:
        if environ["REQUEST_METHOD"] != "GET":
            method = environ["REQUEST_METHOD"]
            raise ServingError(Code.METHOD_NOT_ALLOWED, f"{environ['PATH_INFO']} takes GET, not {method}")
        return 200, document(environ.get("QUERY_STRING", ""))
    except ServingError as error:
        return error.code.http, orjson.dumps({"error": error.message})
