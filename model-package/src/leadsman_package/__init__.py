"""Model packages: a model in ONNX with all that it takes to prove and to serve it; docs/packages.md describes them.

`manifest` says what a package holds, `sources` where one can be, `authoring` how one is made from an estimator.
"""
