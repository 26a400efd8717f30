"""The command `leadsman-serving`: arguments, exit codes and last words."""

import asyncio
import json
import logging
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from leadsman_package.errors import PackageError
from leadsman_serving.cli_options import digest_option, providers_option, threads_option
from leadsman_serving.errors import ModelLoadError
from leadsman_serving.exits import EX_DATAERR, EX_TEMPFAIL, EX_UNAVAILABLE
from leadsman_serving.preflight.options import preflight_options
from leadsman_serving.termination import write_termination_message

if TYPE_CHECKING:
    from leadsman_package.resolving import Resolved
    from leadsman_serving.preflight.report import Report

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
# Each command's options can come from LEADSMAN_<OPTION>, without the command's name in between.
_ENVIRONMENT = {"auto_envvar_prefix": "LEADSMAN", "show_default": True}


@click.group()
@click.version_option(package_name="leadsman")
def main() -> None:
    """Fetch an ONNX model, and serve it by the Open Inference Protocol v2."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)


def _model_name(context: click.Context, __: click.Parameter, value: str | None) -> str:
    name = context.params["model_dir"].resolve().name if value is None else value
    if not _NAME.fullmatch(name):
        hint = "" if value is not None else "; the directory's name is no name for a model, so give one"
        raise click.BadParameter(
            f"{name!r} must be letters, digits, '.', '_' and '-', with a letter or digit at both ends{hint}"
        )
    return name


def _known(context: click.Context, parameter: click.Parameter, value: str | None) -> "Resolved | None":
    from leadsman_package.resolving import Resolved  # noqa: PLC0415

    if value is None:
        return None
    identity, _, digest = value.rpartition("=")
    if not identity:
        raise click.BadParameter(f"{value!r} must be IDENTITY=DIGEST")
    digest_option(context, parameter, digest)
    return Resolved(identity, digest)


@main.command(context_settings=_ENVIRONMENT)
@click.argument("uri")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--digest", callback=digest_option, help="Refuse any other bytes; sha256:<64 hex digits>.")
@click.option("--retry-for", type=click.FloatRange(min=0), default=60.0, help="Seconds of pauses between attempts.")
def fetch(uri: str, directory: Path, digest: str | None, retry_for: float) -> None:
    """Fetch the model at URI to DIRECTORY: a package, or model.onnx with the files of its data.

    URI: https, http, s3, gs, az, hf, mlflow, oci or pvc://..., or a path. It names a directory with model.yaml, a file
    *.onnx, or an archive of either: *.tar, *.tar.gz, *.tgz, *.zip.

    Exits with 0; 75 when the source kept failing in a way that may pass; 65 when trying again will not help.
    """
    # Imported here so that each command starts without what only the other needs.
    from leadsman_package.fetching import fetch as fetch_model  # noqa: PLC0415
    from leadsman_package.progress import Lines  # noqa: PLC0415
    from leadsman_package.sources.store import Settings  # noqa: PLC0415

    settings = Settings(retry_for=retry_for)
    try:
        fetched = fetch_model(uri, directory, digest=digest, settings=settings, progress=Lines(logging.info))
    except PackageError as error:
        _exit(EX_TEMPFAIL if error.transient else EX_DATAERR, f"cannot fetch the model: {error}")
    write_termination_message(json.dumps({"digest": fetched.digest, "bytes": fetched.size, "kind": fetched.kind}))
    logging.info("fetched %d bytes, the %s %s", fetched.size, fetched.kind, fetched.digest)


@main.command(context_settings=_ENVIRONMENT)
@click.argument("uri")
@click.option("--known", callback=_known, help="What it was before, IDENTITY=DIGEST: then a model may not be fetched.")
@click.option("--retry-for", type=click.FloatRange(min=0), default=60.0, help="Seconds of pauses between attempts.")
def resolve(uri: str, known: "Resolved | None", retry_for: float) -> None:
    """Print what URI stands for now, as JSON: its digest, and an identity, which changes when the bytes may have.

    Of a package its manifest is read. A bare model or an archive is fetched to a temporary directory, unless its
    identity is the known one. Exits as fetch does.
    """
    from leadsman_package.progress import Lines  # noqa: PLC0415
    from leadsman_package.resolving import resolve as resolve_model  # noqa: PLC0415
    from leadsman_package.sources.store import Settings  # noqa: PLC0415

    try:
        found = resolve_model(uri, known, settings=Settings(retry_for=retry_for), progress=Lines(logging.info))
    except PackageError as error:
        _exit(EX_TEMPFAIL if error.transient else EX_DATAERR, f"cannot resolve the model: {error}")
    message = json.dumps({"v": 1, "identity": found.identity, "digest": found.digest})
    write_termination_message(message)
    click.echo(message)


@main.command(context_settings=_ENVIRONMENT)
@click.argument("model_dir", type=click.Path(path_type=Path), envvar="LEADSMAN_MODEL_DIR", is_eager=True)
@click.option("--name", callback=_model_name, help="The model's name in URLs and metrics.  [default: the directory's]")
@click.option("--version", default="1", help="The model's version, for people.")
@click.option("--revision", help="What responses and metrics are labelled with.  [default: start of the digest]")
@click.option("--host", default="0.0.0.0", help="The address to listen on.")  # noqa: S104 - a container's own network
@click.option("--port", type=click.IntRange(1, 65535), default=8080, help="Inference by HTTP.")
@click.option("--grpc-port", type=click.IntRange(0, 65535), default=8081, help="Inference by gRPC; 0: none.")
@click.option("--metrics-port", type=click.IntRange(1, 65535), default=8082, help="GET /metrics.")
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    callback=threads_option,
    help="Threads to compute with.  [default: what the CPU limit allows]",
)
@click.option(
    "--providers",
    default="cpu",
    callback=providers_option,
    help="ONNX Runtime's execution providers, the most wanted first: cpu, cuda, tensorrt, openvino.",
)
@click.option(
    "--max-batch-size",
    type=click.IntRange(1, 1024),
    default=64,
    help="Most rows of several requests to compute together, where that helps; 1: never.",
)
@click.option(
    "--max-batch-delay",
    type=click.FloatRange(min=0, max=1),
    default=0.0,
    help="Seconds that a run waits for requests still being received.",
)
@click.option(
    "--max-in-flight", type=click.IntRange(min=1), default=1000, help="Requests to answer at once; beyond, 429."
)
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), default=60.0, help="Seconds to answer within; then 504."
)
@click.option(
    "--schema",
    type=click.Choice(["count", "reject"]),
    default="count",
    help="Values that break a rule of MODEL_DIR/model.yaml are counted, or also refused.",
)
@click.option("--access-log", is_flag=True, help="Write a line of JSON to standard output for each infer request.")
@click.option("--drain-delay", type=click.FloatRange(min=0), default=5.0, help="Seconds to go on serving at SIGTERM.")
@click.option(
    "--max-body-bytes", type=click.IntRange(min=1), default=64 << 20, help="Largest request, and tensors of an answer."
)
def serve(model_dir: Path, **options: object) -> None:
    """Serve MODEL_DIR/model.onnx until SIGTERM.

    Exits with 0; 65 when the model cannot be served; 69 when a port cannot be had.
    """
    import uvloop  # noqa: PLC0415

    from leadsman_serving.config import ServeConfig  # noqa: PLC0415
    from leadsman_serving.server import serve as run_server  # noqa: PLC0415

    config = ServeConfig(model_dir=model_dir, **options)  # type: ignore[arg-type] # click has checked the types
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run_server(config))
    except ModelLoadError as error:
        _exit(EX_DATAERR, str(error))
    except OSError as error:
        ports = f"{config.port}, {config.grpc_port} or {config.metrics_port}"
        _exit(EX_UNAVAILABLE, f"cannot listen on port {ports}: {error.strerror}")
    _exit_now(0)


@main.command(context_settings=_ENVIRONMENT)
@preflight_options
def preflight(uri: str, **options: Any) -> None:
    """Prove the model at URI before it serves: files, signature, loading, memory, answers, speed.

    Exits with 0 when it may serve; 65 when it is rejected; 75 when that could not be decided now.
    """
    from leadsman_serving.preflight.command import fly  # noqa: PLC0415
    from leadsman_serving.preflight.text import lines  # noqa: PLC0415

    def show(report: "Report") -> None:
        for line in lines(report):
            logging.info("%s", line)

    sys.exit(fly(uri, options, logging.info, show))


def _exit(code: int, sentence: str) -> NoReturn:
    """Say why, to people and to Kubernetes, and exit."""
    write_termination_message(sentence)
    click.echo(sentence, err=True)
    _exit_now(code)


def _exit_now(code: int) -> NoReturn:
    """Exit without waiting for threads: one may be loading, or computing, what nobody waits for any more."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
