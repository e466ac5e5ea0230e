"""What people see of a run's progress: one figure of all its programs, and an honest time left."""

from pathlib import Path

import pytest

from modeling.loop.doing import time_left
from modeling.loop.rulebook import decide_next_step
from modeling.loop.situation import Situation
from modeling.models import Run
from modeling.pipeline.run_progress import RunProgress
from modeling.runs import lifecycle, programs
from modeling.runs.tailing import Progress, read_progress
from tests.factories import make_project
from tests.modeling.loop_helpers import advance_one, execute, label, loop_project
from tests.modeling.page_helpers import make_run

pytestmark = pytest.mark.django_db


def at(share: float, seconds: float | None = None) -> Progress:
    return Progress(share, "working", seconds)


def sampling(**fields: object) -> Run:
    return make_run(make_project(), Run.State.RUNNING, kind=Run.Kind.SAMPLE, **fields)


def test_a_long_program_is_most_of_a_run() -> None:
    progress = RunProgress(sampling(), ("sample", "score"))
    progress.begin("sample", 0.0)
    progress.take("sample", at(0.5, 100.0), 100.0)
    assert progress.values(100.0)["progress"] == pytest.approx(5 / 12)
    assert progress.values(100.0)["seconds_left"] == pytest.approx(100.0 + 2 * 20.0)


def test_the_figure_never_falls_from_one_program_to_the_next() -> None:
    progress = RunProgress(sampling(), ("sample", "score", "shadow"))
    shown = []
    for number, stage in enumerate(("sample", "score", "shadow")):
        progress.begin(stage, 10.0 * number)
        for step, share in enumerate((0.0, 0.3, 0.1, 1.0)):
            progress.take(stage, at(share), 10.0 * number + step)
            shown.append(progress.values(0.0)["progress"])
    assert shown == sorted(shown)
    assert shown[0] == 0.0
    assert 0.99 < shown[-1] < 1.0


def test_the_last_run_of_its_kind_says_how_long_each_program_takes() -> None:
    run = sampling()
    results = {"sample": {"seconds": 90.0}, "score": {"seconds": 90.0}}
    make_run(run.project, Run.State.SUCCEEDED, kind=Run.Kind.SAMPLE, results=results)
    progress = RunProgress(run, ("sample", "score"))
    progress.begin("sample", 0.0)
    progress.take("sample", at(1.0), 30.0)
    assert progress.values(30.0)["progress"] == pytest.approx(0.5)


def test_a_worker_that_takes_a_run_up_goes_on_from_what_was_shown() -> None:
    run = sampling(progress=0.6)
    (run.folder / "sample").mkdir(parents=True)
    (run.folder / "sample" / "metrics.jsonl").touch()
    progress = RunProgress(run, ("sample",))
    progress.begin("sample", 0.0)
    progress.take("sample", at(0.2), 1.0)
    assert progress.values(1.0)["progress"] == 0.6
    progress.take("sample", at(0.7), 2.0)
    assert progress.values(2.0)["progress"] == pytest.approx(0.7)


def test_a_run_whose_files_are_gone_begins_again() -> None:
    assert RunProgress(sampling(progress=0.6), ("sample",)).values(0.0)["progress"] == 0.0


def test_the_clock_goes_on_while_a_program_is_silent() -> None:
    progress = RunProgress(sampling(), ("sample",))
    progress.begin("sample", 0.0)
    progress.take("sample", at(0.5, 30.0), 30.0)
    assert progress.values(40.0)["seconds_left"] == pytest.approx(20.0)
    for now in (56.0, 90.0):
        assert progress.values(now)["seconds_left"] is None, "nobody knows, halfway"
    progress.take("sample", at(0.99, 1.0), 91.0)
    assert progress.values(120.0)["seconds_left"] == 0.0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (0.0, "finishing"),
        (4.9, "finishing"),
        (5.0, "about 5 s left"),
        (42.0, "about 45 s left"),
        (100.0, "about 2 min left"),
        (5400.0, "about 2 h left"),
    ],
)
def test_no_time_is_never_said_to_be_left(seconds: float | None, words: str) -> None:
    assert time_left(seconds) == words


def test_the_loop_says_the_same_as_the_runs_page() -> None:
    run = sampling(progress=0.97, seconds_left=0.0)
    assert decide_next_step(Situation(run.project)).text.endswith(": 97% done, finishing.")


def test_a_phase_without_a_count_is_told_by_its_name() -> None:
    told = {"done": 0, "total": 1, "unit": "", "phase": "loading the model", "share": 0.25}
    assert read_progress(told) == Progress(0.25, "loading the model", None)


def test_a_line_without_a_share_counts_as_the_whole() -> None:
    found = read_progress({"done": 1, "total": 4, "unit": "steps", "phase": "training"})
    assert found == Progress(0.25, "training: 1 of 4 steps", None)


@pytest.mark.django_db(transaction=True)
def test_the_log_has_a_line_before_the_program_can_say_anything(tmp_path: Path) -> None:
    project = loop_project(tmp_path)
    label(project, 10)
    run = execute(advance_one(project))
    first, second = lifecycle.log_tail(run).splitlines()[:2]
    assert first == programs.STARTING.format(stage="train_reward").strip()
    assert second == "fake program: started"
