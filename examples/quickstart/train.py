"""Train the quickstart's two versions of a small classifier and write them to examples/quickstart/models.

The files are in the repository; this is how they were made.
"""

from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression


def main() -> None:
    """Write v1.onnx (regularised too much) and v2.onnx (better)."""
    features, labels = load_iris(return_X_y=True)
    features = features.astype(np.float32)
    directory = Path(__file__).parent / "models"
    for version, strength in (("v1", 0.01), ("v2", 1.0)):
        model = LogisticRegression(C=strength, max_iter=1000).fit(features, labels)
        onnx = to_onnx(model, features[:1], options={"zipmap": False})
        (directory / f"{version}.onnx").write_bytes(onnx.SerializeToString())
        print(f"{version}.onnx: accuracy {model.score(features, labels):.3f}")


if __name__ == "__main__":
    main()
