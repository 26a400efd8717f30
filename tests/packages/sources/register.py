"""Run by MLflow's own Python: registers models with the server at MLFLOW_TRACKING_URI. `register.py PACKAGE S3_URI`.

`fraud` has two versions of the flavour onnx, with data in a file of its own, and the alias champion for the first;
`package` is a package of Leadsman's, `elsewhere` one in a bucket that the server does not hand out, and `forest` has
no onnx.
"""

import sys
from pathlib import Path

import mlflow
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

PICKLED = "flavors:\n  sklearn: {pickled_model: model.pkl}\n  python_function: {loader_module: mlflow.sklearn}\n"


def model(scale: float) -> onnx.ModelProto:
    weights = numpy_helper.from_array(np.arange(3000, dtype=np.float32) * np.float32(scale), "w")
    value = helper.make_tensor_value_info("y", TensorProto.FLOAT, [3000])
    graph = helper.make_graph([helper.make_node("Identity", ["w"], ["y"])], "g", [], [value], [weights])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main(package: str, bucket: str) -> None:
    client = mlflow.MlflowClient()
    with mlflow.start_run() as run:
        for scale in (1, 2):
            # Told what it needs, MLflow does not try to find out.
            mlflow.onnx.log_model(
                model(scale), name="model", registered_model_name="fraud", pip_requirements=["onnxruntime"]
            )
        mlflow.log_artifacts(package, "package")
        mlflow.log_text(PICKLED, "forest/MLmodel")
        root = run.info.artifact_uri
    client.set_registered_model_alias("fraud", "champion", "1")
    for name, source in {"package": f"{root}/package", "forest": f"{root}/forest", "elsewhere": bucket}.items():
        client.create_registered_model(name)
        client.create_model_version(name, source, run_id=run.info.run_id)


if __name__ == "__main__":
    main(str(Path(sys.argv[1])), sys.argv[2])
