"""Makes the package `demo` of examples/ importable, as examples/demo/run.py does."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "examples"))
