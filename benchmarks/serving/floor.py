"""The floor: our server with its application taken out. It reads the body of every request and answers a constant.

Whatever else our server is (HTTP server and its settings, event loop, headers), this is too, because it is the same
program. python floor.py ANSWERS leadsman-serving's arguments...: of POST .../NAME/infer the answer is in
ANSWERS/NAME.body, with the headers in ANSWERS/NAME.headers.
"""

import sys
from pathlib import Path
from typing import Any

from leadsman_serving import cli, surfaces
from leadsman_serving.http_app import HttpApp
from leadsman_serving.http_request import Request, Response

_ANSWERS = Path(sys.argv.pop(1))


class Constant(HttpApp):
    """Answers with what the files say, which are read once."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._constants = {f"/v2/models/{path.stem}/infer": _answer(path) for path in _ANSWERS.glob("*.body")}

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        while not request.complete or request.size:
            await request.receive()
        return self._constants[request.path]


def _answer(path: Path) -> Response:
    lines = path.with_suffix(".headers").read_text().splitlines()
    return Response(200, "".join(f"{line}\r\n" for line in lines).encode(), path.read_bytes())


vars(surfaces)["HttpApp"] = Constant
if __name__ == "__main__":
    cli.main()
