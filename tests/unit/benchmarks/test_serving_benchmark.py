"""The benchmark of the serving runtime: what would make its figures wrong without a word."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.serving.load import LoadError, check_size, parse
from benchmarks.serving.measure import Cell, Plan, Start
from benchmarks.serving.processes import Memory, started
from benchmarks.serving.report import markdown
from benchmarks.serving.results import Results

PRINTED = """Running 4s test @ http://127.0.0.1:8080/v2/models/bench/infer
  1 threads and 32 connections

{"requests": 50000, "microseconds": 4000000, "bytes": 12000000, "non_2xx": %d, "broken": %d, "p50": 2500, "p99": 7100}
"""


def test_what_wrk_prints_becomes_rates_and_milliseconds() -> None:
    load = parse(PRINTED % (0, 0), busy=0.25)
    assert (load.per_second, load.p50, load.p99) == (12_500, 2.5, 7.1)
    check_size(load, 240)


@pytest.mark.parametrize("printed", [PRINTED % (1, 0), PRINTED % (0, 1), PRINTED.replace("50000", "0") % (0, 0)])
def test_a_run_with_one_bad_answer_has_no_figures(printed: str) -> None:
    with pytest.raises(LoadError):
        parse(printed, busy=0.25)


def test_answers_of_another_length_than_the_checked_one_do_not_count() -> None:
    with pytest.raises(LoadError, match=r"240\.0 bytes"):
        check_size(parse(PRINTED % (0, 0), busy=0.25), 300)


def found(**changes: object) -> Results:
    def cell(subject: str, per_second: float, p50: float, p99: float) -> Cell:
        return Cell(subject, "1x30 JSON", 32, 1_000, per_second, p50, p99, server_busy=1.0, generator_busy=0.3)

    results = Results(
        machine="a machine",
        versions={"leadsman": "1", "floor": "2", "kserve": "0.21.0"},
        titles={"leadsman": "ours", "floor": "the floor", "kserve": "KServe"},
        settings={"leadsman": "", "floor": "", "kserve": ""},
        payloads={"1x30 JSON": 4.0, "32x30 binary": 6.0},
        plan=Plan(seconds=4, warm_up=1, connections=(32,), starts=3),
        cells=[cell("leadsman", 20_000, 1.5, 3.0), cell("floor", 25_000, 1.2, 2.5), cell("kserve", 2_500, 12.0, 20.0)],
        starts=[Start(one, "table", (0.5, 0.3, 0.4), Memory(1, 95.0, 90.0)) for one in ("leadsman", "floor", "kserve")],
    )
    return replace(results, **changes)


def test_the_report_sets_the_figures_against_what_was_to_be_reached() -> None:
    text = markdown(found())
    assert "| 15 x KServe | 8.0 x | **not reached** |" in text
    assert "| 0.7 of the floor | 0.80 | reached |" in text
    assert "| p99 below every other's p50, 12 ms | 3 ms | reached |" in text
    assert "| ready in less than 1.5 s | 0.40 s | reached |" in text
    assert "| KServe | not supported |" in text  # of the binary payload there is no cell
    assert "not for quoting" not in text
    assert "not for quoting" in markdown(found(), whole=False)


def test_a_cell_that_failed_is_told_and_compared_with_nothing() -> None:
    text = markdown(found(cells=[*found().cells[:2], Cell("kserve", "1x30 JSON", 32, failure="it ended")]))
    assert "| KServe | failed |" in text
    assert "15 x KServe" not in text


def test_latencies_of_too_few_answers_are_left_out() -> None:
    slow = replace(found().cells[2], requests=36)
    assert "(12 / 20)" in markdown(found())
    assert "(not enough answers)" in markdown(found(cells=[*found().cells[:2], slow]))


def test_no_process_of_a_server_is_left_even_one_that_made_itself_independent(tmp_path: Path) -> None:
    leaver = "import os, time; os.fork() or (os.setsid(), os.fork() and os._exit(0))"
    program = f"{leaver}; print('up', flush=True); time.sleep(60)"
    core = min(os.sched_getaffinity(0))
    with started([sys.executable, "-c", program], core, tmp_path, {}) as tree:
        while (tmp_path / "log").read_text().count("up") < 2:
            tree.check()
        assert len(tree.members()) >= 2
    assert tree.members() == []
