"""A LitServe server. python litserve_server.py PORT."""

import sys
from typing import Any

import litserve
import numpy as np
import onnx_session

OUTPUT = "probabilities"


class OnnxApi(litserve.LitAPI):
    """One model."""

    def setup(self, device: str) -> None:  # noqa: ARG002
        """Get ready, in the worker."""
        self.session = onnx_session.load()

    def decode_request(self, request: dict[str, Any]) -> np.ndarray:
        """Read a request."""
        return np.asarray(request["rows"], dtype=np.float32)

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Run the model."""
        answer: np.ndarray = self.session.run([OUTPUT], {"X": rows})[0]
        return answer

    def encode_response(self, answer: np.ndarray) -> list[list[float]]:
        """Write the answer."""
        return answer.tolist()


if __name__ == "__main__":
    server = litserve.LitServer(OnnxApi(), accelerator="cpu", workers_per_device=1)
    options = {"num_api_servers": 1, "log_level": "warning", "generate_client_file": False}
    server.run(host="127.0.0.1", port=int(sys.argv[1]), **options)
