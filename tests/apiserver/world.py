"""Plays what an API server alone lacks: controllers, kubelet, gateway, and users whose requests are counted."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import httpx

from apiserver.kubeapi import GATEWAY, LEADSMAN, Api
from leadsman.core.names import METRICS_PORT, MODEL_LABEL, PREFLIGHT_LABEL, REVISION_LABEL
from leadsman_serving.metrics import DURATION_BOUNDS

STARTED = 1_000_000_000.0
_BEFORE = "2026-01-01T00:00:00Z"


@dataclass
class Traffic:
    """Counters of one pod, as its /metrics shows them."""

    of: str
    good: int = 0
    bad: int = 0


@dataclass
class World:
    """One namespace. `errors` says which share of a version's requests fails; `broken` which versions never load."""

    api: Api
    namespace: str
    requests_per_turn: int = 4000
    errors: dict[str, float] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    counters: dict[str, Traffic] = field(default_factory=dict)
    """By pod IP."""
    served: Counter[str] = field(default_factory=Counter)
    """Requests that each version has got, whose users saw the answers."""
    copied: Counter[str] = field(default_factory=Counter)
    """Copies of requests that each version has got."""
    versions: dict[str, str] = field(default_factory=dict)
    """By the name of the ModelRevision, the Deployment and the Service."""
    made: int = 0
    """Serving pods that were ever started."""
    preflights: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """By version: how the attempts at its preflight end, one after the other; they pass when nothing is said."""
    tags: dict[str, str] = field(default_factory=dict)
    """By URI: the digest that a followed reference names now; one that is not here cannot be resolved."""
    demand: float = 0
    """Pods that all requests need, by which autoscalers set the numbers of pods."""
    jobs: Counter[str] = field(default_factory=Counter)
    """Pods of Jobs that were ever started, by the Job's name."""

    def turn(self) -> list[dict[str, Any]]:
        """Let controllers, kubelet and gateway catch up, then let users send requests. Returns the routes."""
        self.run_jobs()
        self.autoscale()
        self.bring_pods()
        routes = self.api.items(f"{GATEWAY}/namespaces/{self.namespace}/httproutes")
        self._accept_routes("httproutes", routes)
        self._accept_routes("grpcroutes", self.api.items(f"{GATEWAY}/namespaces/{self.namespace}/grpcroutes"))
        self._send_requests(routes)
        return routes

    def run_jobs(self) -> None:
        """What the Job controller and the kubelet would do: another attempt each turn, until one decides."""
        jobs = {item["metadata"]["uid"]: item for item in self.api.items(self._path("jobs"))}
        pods = [item for item in self.api.items(self._path("pods")) if "job" in item["metadata"]["annotations"]]
        for pod in pods:
            if pod["metadata"]["annotations"]["job"] not in jobs:
                self.api.call("DELETE", f"{self._path('pods')}/{pod['metadata']['name']}", gracePeriodSeconds="0")
        for uid, job in jobs.items():
            own = [pod for pod in pods if pod["metadata"]["annotations"]["job"] == uid]
            ends = [pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] for pod in own]
            if not set(ends) & {0, 65, 137} and len(own) <= job["spec"]["backoffLimit"]:
                self._bring_job_pod(job, len(own))

    def _bring_job_pod(self, job: dict[str, Any], attempt: int) -> None:
        metadata, template = job["metadata"], job["spec"]["template"]
        self.jobs[metadata["name"]] += 1
        name = f"{metadata['name']}-{self.jobs[metadata['name']]}"
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": metadata["name"], "uid": metadata["uid"]}
        self.api.create(
            self._path("pods"),
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": name,
                    "labels": template["metadata"]["labels"],
                    "annotations": {"job": metadata["uid"]},
                    "ownerReferences": [owner],
                },
                "spec": template["spec"],
            },
        )
        end = self._preflight(job, attempt) if PREFLIGHT_LABEL in metadata["labels"] else self._resolve(job)
        container = {"name": template["spec"]["containers"][0]["name"], "image": "", "imageID": "", "ready": False}
        status = {
            "phase": "Failed" if end["exitCode"] else "Succeeded",
            "containerStatuses": [{**container, "restartCount": 0, "state": {"terminated": end}}],
        }
        self.api.patch(f"{self._path('pods')}/{name}/status", {"status": status})

    def _preflight(self, job: dict[str, Any], attempt: int) -> dict[str, Any]:
        revision = f"{job['metadata']['ownerReferences'][0]['name']}-{job['metadata']['labels'][PREFLIGHT_LABEL]}"
        ends = self.preflights.get(self.version(revision), [])
        return ends[attempt] if attempt < len(ends) else ended(0, passed(digest_of(self._asked(job))))

    def _resolve(self, job: dict[str, Any]) -> dict[str, Any]:
        digest = self.tags.get(self._asked(job))
        if digest is None:
            return ended(65, "cannot resolve the model: there is no such tag")
        return ended(0, json.dumps({"v": 1, "identity": digest, "digest": digest}))

    def _asked(self, job: dict[str, Any]) -> str:
        arguments: list[str] = job["spec"]["template"]["spec"]["containers"][0]["args"]
        return arguments[arguments.index("--digest") + 1] if "--digest" in arguments else arguments[1]

    def autoscale(self) -> None:
        """What a HorizontalPodAutoscaler of each revision would do: the pods for its share, within its bounds."""
        hpas = self.api.items(f"apis/autoscaling/v2/namespaces/{self.namespace}/horizontalpodautoscalers")
        routes = self.api.items(f"{GATEWAY}/namespaces/{self.namespace}/httproutes") if hpas else []
        backends = [backend for route in routes for backend in route["spec"]["rules"][0]["backendRefs"]]
        shares = {backend["name"]: backend["weight"] / 100 for backend in backends}
        for hpa in hpas:
            name, bounds = hpa["spec"]["scaleTargetRef"]["name"], hpa["spec"]
            wanted = ceil(self.demand * shares.get(name, 0))
            self.scale(name, min(max(wanted, bounds["minReplicas"]), bounds["maxReplicas"]))

    def scale(self, name: str, replicas: int) -> None:
        """Set the number of pods of a Deployment as an autoscaler does."""
        path = f"{self._path('deployments')}/{name}/scale"
        if not self.api.missing(path) and self.api.get(path)["spec"].get("replicas") != replicas:
            self.api.patch(path, {"spec": {"replicas": replicas}}, fieldManager="kube-controller-manager")

    def bring_pods(self) -> None:
        """What the Deployment controller and the kubelet would do; a deleted Deployment takes its pods along."""
        deployments = {item["metadata"]["name"]: item for item in self.api.items(self._path("deployments"))}
        found = [item["metadata"] for item in self.api.items(self._path("pods"))]
        pods = [pod for pod in found if "of" in pod["annotations"]]
        wanted = {name: deployment["spec"]["replicas"] for name, deployment in deployments.items()}
        have: Counter[str] = Counter()
        for pod in pods:
            have[of := pod["annotations"]["of"]] += 1
            if have[of] > wanted.get(of, 0):
                self.api.call("DELETE", f"{self._path('pods')}/{pod['name']}", gracePeriodSeconds="0")
        for name, deployment in deployments.items():
            for _ in range(wanted[name] - have[name]):
                self._bring_pod(deployment)

    def _bring_pod(self, deployment: dict[str, Any]) -> None:
        self.made += 1
        name = f"{deployment['metadata']['name']}-{self.made}"
        template = deployment["spec"]["template"]
        self.api.create(
            self._path("pods"),
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": name,
                    "labels": template["metadata"]["labels"],
                    "annotations": {"of": deployment["metadata"]["name"]},
                },
                "spec": template["spec"],
            },
        )
        ip = self.address(self.made)
        version = self.version(deployment["metadata"]["name"])
        self.counters[ip] = Traffic(deployment["metadata"]["name"])
        self.api.patch(f"{self._path('pods')}/{name}/status", {"status": self._pod_status(ip, version)})

    def address(self, number: int) -> str:
        """The address of the pod of this number, from 1."""
        return f"10.0.{number // 250}.{number % 250 + 1}"

    def _pod_status(self, ip: str, version: str) -> dict[str, Any]:
        failed = self.broken.get(version)
        end = (
            {"exitCode": 65, "reason": "Error", "message": failed} if failed else {"exitCode": 0, "reason": "Completed"}
        )
        return {
            "phase": "Pending" if failed else "Running",
            "podIP": ip,
            "podIPs": [{"ip": ip}],
            "startTime": _BEFORE,
            "conditions": [{"type": "Ready", "status": "False" if failed else "True", "lastTransitionTime": _BEFORE}],
            "initContainerStatuses": [
                {
                    "name": "fetch",
                    "image": "",
                    "imageID": "",
                    "ready": not failed,
                    "restartCount": 0,
                    "state": {"terminated": end},
                }
            ],
        }

    def _accept_routes(self, plural: str, routes: list[dict[str, Any]]) -> None:
        for route in routes:
            generation = route["metadata"]["generation"]
            said = [
                condition["observedGeneration"]
                for parent in route.get("status", {}).get("parents", [])
                for condition in parent["conditions"]
            ]
            if said != [generation, generation]:
                self._accept(plural, route, generation)

    def _accept(self, plural: str, route: dict[str, Any], generation: int) -> None:
        conditions = [
            {
                "type": kind,
                "status": "True",
                "reason": kind,
                "message": "",
                "observedGeneration": generation,
                "lastTransitionTime": _BEFORE,
            }
            for kind in ("Accepted", "ResolvedRefs")
        ]
        parent = {
            "controllerName": "test/gateway",
            "parentRef": route["spec"]["parentRefs"][0],
            "conditions": conditions,
        }
        path = f"{GATEWAY}/namespaces/{self.namespace}/{plural}/{route['metadata']['name']}/status"
        self.api.patch(path, {"status": {"parents": [parent]}})

    def _send_requests(self, routes: list[dict[str, Any]]) -> None:
        """Every route's users send requests; backends get what their weight gives them, and mirrors their copies."""
        for route in routes:
            rule = route["spec"]["rules"][0]
            for backend in rule["backendRefs"]:
                share = backend["weight"] * 100 // sum(one["weight"] for one in rule["backendRefs"])
                self._send(backend["name"], share, self.served)
            for mirror in (one["requestMirror"] for one in rule.get("filters", []) if "requestMirror" in one):
                self._send(mirror["backendRef"]["name"], mirror.get("percent", 100), self.copied)

    def _send(self, service: str, percent: int, counter: Counter[str]) -> None:
        service = self.selected(service)
        version = self.version(service) if service else ""
        pods = [traffic for traffic in self.counters.values() if traffic.of == service]
        for traffic in pods:
            requests = self.requests_per_turn * percent // 100 // len(pods)
            bad = int(requests * self.errors.get(version, 0))
            traffic.good, traffic.bad = traffic.good + requests - bad, traffic.bad + bad
            counter[version] += requests

    def weights(self, routes: list[dict[str, Any]]) -> dict[str, int]:
        """What the first rule of each route says, in percent by version."""
        backends = [backend for route in routes for backend in route["spec"]["rules"][0]["backendRefs"]]
        total = sum(backend["weight"] for backend in backends)
        shares = {self.selected(one["name"]): one["weight"] * 100 // total for one in backends}
        return {self.version(service): share for service, share in shares.items() if service}

    def selected(self, service: str) -> str:
        """The Service of one revision: of that which the model's own selects; empty when there is none."""
        if "-" in service:
            return service
        found = [item for item in self.api.items(self._path("services")) if item["metadata"]["name"] == service]
        labels = [item["spec"]["selector"] for item in found]
        return "".join(f"{one[MODEL_LABEL]}-{one[REVISION_LABEL]}" for one in labels)

    def version(self, child: str) -> str:
        """The model version that a child object is of; `<version>:<MODE>` where its pods have that variable."""
        if child not in self.versions:
            revision = self.api.get(f"{LEADSMAN}/namespaces/{self.namespace}/modelrevisions/{child}")
            source = revision["spec"]["model"]
            modes = [one["value"] for one in revision["spec"]["runtime"].get("env", []) if one["name"] == "MODE"]
            self.versions[child] = ":".join([source.get("version", source.get("digest", "")), *modes])
        return self.versions[child]

    def free_addresses(self) -> None:
        """Delete the Services: the light cluster has only a few hundred addresses, and nothing else deletes them."""
        self.api.delete(self._path("services"))

    def transport(self) -> httpx.MockTransport:
        """The pods' network: what the operator's scrapes reach."""
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        traffic = self.counters.get(request.url.host)
        if traffic is None or request.url.port != METRICS_PORT:
            raise httpx.ConnectError("no such pod", request=request)
        return httpx.Response(200, text=exposition(traffic))

    def _path(self, plural: str) -> str:
        group = {"deployments": "apis/apps/v1", "jobs": "apis/batch/v1"}.get(plural, "api/v1")
        return f"{group}/namespaces/{self.namespace}/{plural}"


def digest_of(uri: str) -> str:
    """The digest of what lies at a URI; a digest is its own."""
    return uri if uri.startswith("sha256:") else f"sha256:{hashlib.sha256(uri.encode()).hexdigest()}"


def ended(code: int, message: str, reason: str = "") -> dict[str, Any]:
    """How a container ends."""
    return {"exitCode": code, "reason": reason or ("Error" if code else "Completed"), "message": message}


def passed(digest: str) -> str:
    """The report of a preflight that found nothing wrong."""
    check = {"name": "golden", "verdict": "Pass", "expected": "10 of 10", "found": "10 of 10", "message": "all agree"}
    return json.dumps({"v": 1, "passed": True, "digest": digest, "sentence": "ready to serve", "checks": [check]})


def exposition(traffic: Traffic) -> str:
    """A pod's metrics; half of the answers take about 4 ms, the rest about 8."""
    total = traffic.good + traffic.bad
    name = "leadsman_serving_request_duration_seconds"
    buckets = [
        f'{name}_bucket{{le="{bound}"}} {total if bound >= 0.01 else total // 2 if bound >= 0.005 else 0}'
        for bound in DURATION_BOUNDS
    ]
    return "\n".join(
        [
            "# TYPE leadsman_serving_requests counter",
            f'leadsman_serving_requests_total{{code="200"}} {traffic.good}',
            f'leadsman_serving_requests_total{{code="500"}} {traffic.bad}',
            f"# TYPE {name} histogram",
            *buckets,
            f'{name}_bucket{{le="+Inf"}} {total}',
            f"{name}_count {total}",
            f"{name}_sum {total * 0.006}",
            "# TYPE process_start_time_seconds gauge",
            f"process_start_time_seconds {STARTED}",
            "",
        ]
    )
