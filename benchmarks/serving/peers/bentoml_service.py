"""A BentoML service with a batchable API, which is how BentoML batches."""

import bentoml
import numpy as np
import onnx_session

OUTPUT = "probabilities"


@bentoml.service(name="bench", workers=1, logging={"access": {"enabled": False}})
class Bench:
    """One model."""

    def __init__(self) -> None:
        self.session = onnx_session.load()

    @bentoml.api(batchable=True)
    async def predict(self, rows: np.ndarray) -> np.ndarray:
        """Answer what has come together. A coroutine, as it is quicker than the thread that a plain method gets."""
        answer: np.ndarray = self.session.run([OUTPUT], {"X": rows.astype(np.float32)})[0]
        return answer
