"""Leadsman's serving image: fetches one ONNX model and serves it by the Open Inference Protocol v2."""

import os

# ONNX Runtime for Linux collects telemetry unless this is set when it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
