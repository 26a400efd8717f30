"""Serving pods with addresses that a real operator can reach: those of the loopback network, each with its own."""

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from apiserver.world import exposition
from faults.audit import AuditedWorld
from leadsman.core.names import METRICS_PORT


@dataclass
class LoopbackWorld(AuditedWorld):
    """A world whose pods answer scrapes over TCP."""

    servers: list[ThreadingHTTPServer] = field(default_factory=list)
    _network: int = 0

    def address(self, number: int) -> str:
        """Open a pod's metrics port. Other tests may run on this machine: the first network that is free is taken."""
        while True:
            ip = f"127.{self._network // 250 + 1}.{self._network % 250 + 1}.{number}"
            try:
                self._serve(ip)
            except OSError:
                assert number == 1
                assert self._network < 60_000
                self._network += 1
            else:
                return ip

    def close(self) -> None:
        """Close all ports, and free the Services' addresses."""
        for server in self.servers:
            server.shutdown()
            server.server_close()
        self.free_addresses()

    def _serve(self, ip: str) -> None:
        world = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = exposition(world.counters[ip]).encode() if self.path == "/metrics" else b""
                self.send_response(200 if body else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = _Server((ip, METRICS_PORT), Handler)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self.servers.append(server)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A scraper that is killed is no error."""
