"""Leadsman's serving image: fetches one ONNX model and serves it by the Open Inference Protocol v2."""
