"""A KServe model server around a kserve.Model. Takes the arguments of KServe's own servers."""

import kserve
import onnx_session
from kserve.utils.utils import generate_uuid

OUTPUT = "probabilities"


class OnnxModel(kserve.Model):
    """One model."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.session = onnx_session.load()
        self.ready = True

    async def predict(
        self,
        payload: kserve.InferRequest,
        headers: object = None,  # noqa: ARG002
        response_headers: object = None,  # noqa: ARG002
    ) -> kserve.InferResponse:
        """Answer one request."""
        rows = payload.inputs[0].as_numpy()
        (answer,) = self.session.run([OUTPUT], {payload.inputs[0].name: rows})
        output = kserve.InferOutput(OUTPUT, list(answer.shape), "FP32", data=answer)
        return kserve.InferResponse(payload.id or generate_uuid(), self.name, [output])


if __name__ == "__main__":
    kserve.ModelServer().start([OnnxModel("bench")])
