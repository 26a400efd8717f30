"""Jobs of the simulated cluster: preflights, and looks at what a followed reference names."""

import json
from dataclasses import dataclass
from typing import Any

from support.simpod import Model

OOM_KILLED = 137


@dataclass
class SimJob:
    """A Job and its only pod."""

    uid: str
    template: dict[str, Any]
    model: Model
    started: float

    def pod(self, now: float) -> dict[str, Any]:
        """The pod as the API server has it."""
        return {
            "metadata": {
                "name": f"{self.uid}-1",
                "uid": f"{self.uid}-1",
                "labels": self.template["metadata"]["labels"],
                "ownerReferences": [{"kind": "Job", "uid": self.uid}],
                "creationTimestamp": f"{self.started:09.0f}",
            },
            "status": {"containerStatuses": [{"name": "job", "state": self._state(now)}]},
        }

    def _end(self) -> tuple[int, str]:
        arguments = self.template["spec"]["containers"][0]["args"]
        wants = arguments[arguments.index("--digest") + 1] if "--digest" in arguments else self.model.digest
        if wants != self.model.digest:
            return 65, f"fetch: the model has digest {self.model.digest}, but {wants} was expected"
        return self.model.preflight

    def _state(self, now: float) -> dict[str, Any]:
        if now < self.started + self.model.preflight_seconds:
            return {"running": {}}
        code, sentence = self._end()
        if code == OOM_KILLED:
            return {"terminated": {"exitCode": code, "reason": "OOMKilled"}}
        command, uri = self.template["spec"]["containers"][0]["args"][:2]
        if command == "resolve":
            # A registry knows what it holds by a digest, another store by something that it made up.
            known = self.model.digest if uri.startswith("oci://") else f"etag-{self.model.digest}"
            said: object = {"v": 1, "identity": known, "digest": self.model.digest}
        elif code in (0, 65):
            said = {"v": 1, "passed": code == 0, "digest": self.model.digest, "sentence": sentence, "checks": []}
        else:
            said = {"v": 1, "transient": sentence}
        return {"terminated": {"exitCode": code, "message": json.dumps(said)}}
