"""The command: from its options to the report, in the forms that are asked for, and the exit code."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import orjson

from leadsman_package.errors import PackageError
from leadsman_package.signing import Key, Person, Trust
from leadsman_serving.cgroup import Cgroups
from leadsman_serving.exits import EX_DATAERR, EX_TEMPFAIL
from leadsman_serving.preflight.files import Source
from leadsman_serving.preflight.junit import to_junit
from leadsman_serving.preflight.measured import Demands
from leadsman_serving.preflight.report import Report, document, last_word, transient
from leadsman_serving.preflight.run import Flight, preflight
from leadsman_serving.preflight.time_left import TimeLeft
from leadsman_serving.preflight.trial import Runtime
from leadsman_serving.termination import write_termination_message

_LEAST_LOAD = 300.0
"""Seconds that a model may take to load at least, or half of the deadline."""


def fly(uri: str, options: dict[str, Any], say: Callable[[str], None], show: Callable[[Report], None]) -> int:
    """Prove the model at a URI, write the report wherever it is asked for, and return the exit code.

    `say` is told what is being done, `show` is given the report, for people. 0: it may serve; 65: it is rejected;
    75: that could not be decided now.
    """
    began = time.monotonic()
    try:
        report = preflight(_flight(uri, options), TimeLeft(began + options["deadline"]), say)
    except PackageError as error:
        sentence = f"could not be decided now: {error}"
        write_termination_message(transient(sentence))
        say(sentence)
        return EX_TEMPFAIL
    write_termination_message(last_word(report))
    show(report)
    _write(options["json_file"], orjson.dumps(document(report), option=orjson.OPT_INDENT_2) + b"\n")
    _write(options["junit_file"], to_junit(report, uri, time.monotonic() - began) + b"\n")
    return 0 if report.passed else EX_DATAERR


def _flight(uri: str, options: dict[str, Any]) -> Flight:
    against = options["against"]
    return Flight(
        candidate=Source(uri, options["digest"]),
        stable=Source(against, options["against_digest"]) if against else None,
        trust=_trust(options),
        demands=Demands(
            allow_signature_change=options["allow_signature_change"],
            agreement_at_least=options["agreement_at_least"],
            latency_ratio=options["latency_ratio"],
            max_latency=options["max_latency"],
            memory_limit=options["memory_limit"],
            require_signature=options["require_signature"],
        ),
        runtime=Runtime(
            threads=options["threads"].count,
            providers=options["providers"],
            memory_limit=options["memory_limit"],
            container=Cgroups().memory(),
            most_rows=options["max_batch_size"],
            most_bytes=options["max_body_bytes"],
            load_seconds=max(_LEAST_LOAD, options["deadline"] / 2),
            request_seconds=options["timeout"],
            rejecting=options["schema"] == "reject",
        ),
        scratch=options["scratch"],
    )


def _trust(options: dict[str, Any]) -> Trust | None:
    if options["public_key"] is not None:
        return Key(options["public_key"])
    if options["identity"] is not None:
        return Person(options["identity"], options["issuer"], options["trust_config"])
    return None


def _write(path: Path | None, content: bytes) -> None:
    if path is None:
        return
    try:
        with click.open_file(str(path), "wb") as file:
            file.write(content)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from None
