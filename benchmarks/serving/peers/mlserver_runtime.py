"""A custom runtime of MLServer, written as its documentation shows; MLServer's files of settings say the rest."""

import mlserver
import onnx_session
from mlserver.codecs import NumpyCodec

OUTPUT = "probabilities"


class OnnxRuntime(mlserver.MLModel):
    """One model."""

    async def load(self) -> bool:
        """Get ready."""
        self.session = onnx_session.load()
        return True

    async def predict(self, payload: mlserver.types.InferenceRequest) -> mlserver.types.InferenceResponse:
        """Answer one request, or a batch that MLServer has made of several."""
        rows = NumpyCodec.decode_input(payload.inputs[0])
        (answer,) = self.session.run([OUTPUT], {payload.inputs[0].name: rows})
        output = NumpyCodec.encode_output(OUTPUT, answer)
        return mlserver.types.InferenceResponse(model_name=self.name, outputs=[output])
