"""The JSON schema of the manifest, for editors and other programs."""

import json

from leadsman_package.manifest import Manifest

_ABOUT = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$comment": "Generated from model-package/src/leadsman_package/manifest.py by `leadsman package-schema --write`.",
}


def schema() -> str:
    """Return the text of docs/model-package.schema.json."""
    return json.dumps({**_ABOUT, **Manifest.model_json_schema(by_alias=True)}, indent=2) + "\n"
