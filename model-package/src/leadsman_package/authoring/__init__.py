"""Making a package from an estimator and a sample of its data: `leadsman package`.

`packaging.package` is the whole; it runs on the author's machine only, since an estimator's file is a program.
"""
