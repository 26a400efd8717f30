"""The settings of one serving process."""

from dataclasses import dataclass
from pathlib import Path

from leadsman_serving.threads import Threads


@dataclass(frozen=True, slots=True)
class ServeConfig:
    """What `leadsman-serving serve` was asked to do; times in seconds, sizes in bytes.

    `revision` is None when nobody named one; the server then uses the beginning of the model's digest. A
    `grpc_port` of 0 means no gRPC. `schema` is "count" or "reject": what to do with values that break its rules.
    """

    model_dir: Path
    name: str
    version: str
    revision: str | None
    host: str
    port: int
    grpc_port: int
    metrics_port: int
    threads: Threads
    providers: tuple[str, ...]
    max_batch_size: int
    max_batch_delay: float
    max_in_flight: int
    timeout: float
    schema: str
    drain_delay: float
    access_log: bool
    max_body_bytes: int
