"""What a program logs becomes metrics and progress, whatever a kill or a full disk made of it."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeling.models import Metric, Run
from modeling.runs.tailing import Progress, Tail, metrics_in, parse, read_progress
from tests.factories import make_project
from tests.modeling.page_helpers import make_run

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
NAMES = st.sampled_from(["done", "total", "phase", "unit", "share", "eta_seconds"])


@given(st.dictionaries(NAMES, anything))
def test_progress_is_a_share_whatever_the_line_holds(line: dict[str, Any]) -> None:
    progress = read_progress(line)
    if progress is not None:
        assert 0.0 <= progress.share <= 1.0
        assert len(progress.text) <= 200, "as long as its column"
        assert progress.seconds_left is None or 0.0 <= progress.seconds_left < 1e15


@pytest.mark.parametrize(
    ("line", "share"),
    [
        ({"done": 3, "total": 4}, 0.75),
        ({"done": 9, "total": 4}, 1.0),
        ({"done": -1, "total": 4}, 0.0),
        ({"done": 0, "total": 4, "share": 0.5}, 0.5),
        ({"done": 0, "total": 4, "share": 7}, 1.0),
        ({"done": 1, "total": 4, "share": math.nan}, 0.25),
        ({"done": 1, "total": 4, "share": True}, 0.25),
    ],
)
def test_a_share_is_the_programs_own_or_the_count(line: dict[str, Any], share: float) -> None:
    progress = read_progress(line)
    assert progress is not None and progress.share == share


@pytest.mark.parametrize(
    "line", [{}, {"done": 1}, {"done": 1, "total": 0}, {"done": "1", "total": 4}, {"total": 4}]
)
def test_a_count_that_says_nothing_is_no_progress(line: dict[str, Any]) -> None:
    assert read_progress(line) is None


def test_counts_are_in_words_where_they_have_a_unit() -> None:
    line = {"done": 1500, "total": 20000, "phase": "training", "unit": "steps", "eta_seconds": -1}
    assert read_progress(line) == Progress(0.075, "training: 1,500 of 20,000 steps", None)
    assert read_progress({"done": 1, "total": 2}) == Progress(0.5, "working", None)


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b"null", b"7", b'{"a": 1}{"b": 2}', b"\xff"])
def test_a_line_that_is_no_object_is_passed_over(line: bytes) -> None:
    assert parse(line) is None


@pytest.mark.parametrize(
    "line",
    [
        {"metrics": {"loss": 1.0}, "step": -1},
        {"metrics": {"loss": 1.0}, "step": 2**31},
        {"metrics": {"loss": 1.0}, "step": "first"},
        {"metrics": {"loss": 1.0}, "step": None},
        {"metrics": {"loss": 1.0}, "time": "yesterday"},
        {"metrics": {"loss": 1.0}, "time": 1e300},
        {"metrics": {"loss": 1.0}, "time": math.nan},
    ],
)
def test_a_damaged_step_or_time_costs_its_line_and_no_run(line: dict[str, Any]) -> None:
    assert metrics_in(Run(pk=1), line) == []


def test_only_finite_numbers_are_metrics() -> None:
    values = {"loss": 0.5, "nan": math.nan, "inf": math.inf, "text": "1", "null": None, "n": 3}
    metrics = metrics_in(Run(pk=1), {"metrics": values, "step": 7, "time": 10.0})
    assert [(m.name, m.step, m.value) for m in metrics] == [("loss", 7, 0.5), ("n", 7, 3.0)]


def test_a_name_is_as_long_as_its_column() -> None:
    (metric,) = metrics_in(Run(pk=1), {"metrics": {"x" * 200: 1.0}})
    assert len(metric.name) == 80


@pytest.fixture
def run() -> Run:
    return make_run(make_project(), Run.State.RUNNING)


def line(step: int, **metrics: float) -> str:
    return json.dumps({"time": 1.0, "step": step, "metrics": metrics}) + "\n"


@pytest.mark.django_db
def test_a_line_is_read_once_it_is_whole(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    tail = Tail(run, path)
    assert tail.read() is None, "no file yet"
    whole = line(1, loss=0.5)
    path.write_text(whole[:20])
    tail.read()
    assert not Metric.objects.exists()
    with path.open("a") as file:
        file.write(whole[20:] + line(2, loss=0.25)[:-1])
    tail.read()
    assert list(Metric.objects.values_list("step", "value")) == [(1, 0.5)]


@pytest.mark.django_db
def test_a_line_that_a_kill_has_cut_costs_that_line_alone(run: Run, tmp_path: Path) -> None:
    """The next attempt writes behind it, on the same line."""
    path = tmp_path / "metrics.jsonl"
    path.write_text(line(1, loss=0.5) + line(2, loss=0.4)[:10] + line(2, loss=0.4))
    with path.open("a") as file:
        file.write(line(3, loss=0.3))
    Tail(run, path).read()
    assert list(Metric.objects.values_list("step", flat=True)) == [1, 3]


@pytest.mark.django_db
def test_reading_from_the_start_again_stores_nothing_twice(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(line(1, loss=0.5) + line(1, loss=0.7) + line(2, loss=0.4))
    for _ in range(2):
        Tail(run, path).read()
    assert list(Metric.objects.values_list("step", "value")) == [(1, 0.5), (2, 0.4)]


@pytest.mark.django_db
def test_the_latest_progress_counts_and_a_broken_one_does_not_replace_it(
    run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "metrics.jsonl"
    lines = [{"done": 1, "total": 4}, {"done": 2, "total": 4}, {"done": 3}]
    path.write_text("".join(json.dumps({"progress": one}) + "\n" for one in lines))
    tail = Tail(run, path)
    progress = tail.read()
    assert progress is not None and progress.share == 0.5
    assert tail.read() is None, "it is no news the second time"
