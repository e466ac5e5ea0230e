"""What a simulation says of itself: promises that were broken, models, and when it gives up."""

import random
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from labeling.database.transactions import Conflict
from labeling.judging import recording
from labeling.models import Assignment, Comparison, Judgment, Project, Response
from modeling.loop.steps import NextStep, StepKind
from modeling.models import Run
from modeling.simulation import labeler as simulated_labeler
from modeling.simulation import report, running
from modeling.simulation.labeler import choose_answer, ranking
from modeling.simulation.running import Tally, patiently
from tests.factories import (
    claim,
    judge_for,
    make_comparison,
    make_member,
    make_project,
    make_prompt,
    make_response,
    queue,
)
from tests.modeling.page_helpers import make_reward_model, make_run

pytestmark = pytest.mark.django_db
GOOD, BAD = "I do not know that, sorry.", "Shut up."


@pytest.fixture
def project() -> Project:
    return make_project(overlap=2)


def faults(project: Project, answered: int, *users: Any) -> list[str]:
    return report.faults_of(project, answered, [*users], timezone.now() - timedelta(hours=1))


def test_a_lost_judgment_is_a_broken_promise(project: Project) -> None:
    make_comparison(project)
    labeler = make_member(project)
    judge_for(labeler, project, "Good.")
    assert faults(project, 1, labeler) == []
    assert faults(project, 2, labeler) == ["2 judgments were made, 1 are stored"]


def test_judgments_of_others_and_of_before_are_not_counted(project: Project) -> None:
    make_comparison(project)
    labeler, other = make_member(project), make_member(project)
    judge_for(labeler, project, "Good.")
    judge_for(other, project, "Good.")
    assert faults(project, 1, labeler) == []
    assert report.faults_of(project, 0, [labeler], timezone.now() + timedelta(hours=1)) == []


def test_more_judgments_than_a_comparison_asked_for_are_a_fault(project: Project) -> None:
    comparison = make_comparison(project)
    labelers = [make_member(project) for _ in range(2)]
    for labeler in labelers:
        judge_for(labeler, project, "Good.")
    Comparison.objects.filter(pk=comparison.pk).update(wanted=1)
    name = f"comparison {comparison.pk}"
    assert faults(project, 2, *labelers) == [
        f"{name} has 2 judgments of 1",
        f"{name} is finished with 2 judgments",
    ]


def test_two_judgments_by_one_person_are_a_fault(project: Project) -> None:
    comparison = make_comparison(project)
    labelers = [make_member(project) for _ in range(2)]
    for labeler in labelers:
        judge_for(labeler, project, "Good.")
    Judgment.objects.filter(labeler=labelers[1]).update(labeler=labelers[0])
    (fault,) = faults(project, 2, labelers[0])
    assert fault == f"comparison {comparison.pk} has two judgments by one labeler"


def test_a_skip_is_no_judgment_and_no_fault(project: Project) -> None:
    make_comparison(project)
    labeler = make_member(project)
    assignment = claim(labeler, project)
    assert assignment is not None
    recording.submit_and_claim(assignment.uuid, labeler.pk, recording.Answer(Judgment.Kind.SKIP))
    assert faults(project, 0, labeler) == []


@pytest.mark.parametrize(
    ("accuracy", "words"),
    [
        ({}, "accuracy unknown"),
        ({"test": {"value": None, "n": 0}}, "accuracy unknown"),
        ({"train": {"value": 0.9, "n": 80}, "test": {"value": 0.756, "n": 20}},
         "accuracy test 0.76 (n=20), train 0.90 (n=80)"),
    ],
)  # fmt: skip
def test_a_model_is_told_with_the_splits_that_were_measured(
    project: Project, accuracy: dict[str, Any], words: str
) -> None:
    model = make_reward_model(project)
    model.results = {"accuracy": accuracy}
    assert report.describe_model(model) == f"v1 candidate, {words}"


def test_pairs_of_the_policy_are_counted_by_the_round_that_brought_them(project: Project) -> None:
    for number in (None, 2, 2):
        prompt = make_prompt(project)
        fields = {"origin": Response.Origin.POLICY, "policy_version": 1}
        texts = [make_response(prompt, text, **fields) for text in ("a", "b")]
        queue(*texts, round_number=number)
    make_comparison(project)
    summary = report.summary_of_simulation(project, {}, [], timezone.now(), 1.0, "")
    assert summary.policy_comparisons == {0: 1, 2: 2}
    assert (summary.judgments, summary.finished, summary.preferences) == (0, 0, 0)


def shown(project: Project, *texts: str) -> Assignment:
    make_comparison(project, texts)
    assignment = claim(make_member(project), project)
    assert assignment is not None
    return assignment


def kind_of(project: Project, *texts: str) -> str:
    assignment = shown(project, *texts)
    return str(choose_answer(assignment, random.Random(1), noise=0.0).kind)


@pytest.fixture
def _never_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated_labeler, "SKIP_SHARE", 0.0)


@pytest.mark.usefixtures("_never_skips")
@pytest.mark.parametrize("allowed", [True, False])
def test_a_tie_is_answered_only_where_the_project_takes_one(allowed: bool) -> None:
    project = make_project(allow_tie=allowed, allow_both_bad=False)
    kind = kind_of(project, "I do not know that.", "I do not know that .")
    assert kind == ("tie" if allowed else "prefer")


@pytest.mark.usefixtures("_never_skips")
@pytest.mark.parametrize("allowed", [True, False])
def test_two_bad_responses_are_both_bad_only_where_the_project_takes_that(allowed: bool) -> None:
    project = make_project(allow_tie=False, allow_both_bad=allowed)
    kind = kind_of(project, f"{BAD} {BAD} {BAD}", "")
    assert kind == ("both_bad" if allowed else "prefer")


def test_who_skips_everything_says_nothing_of_the_responses(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulated_labeler, "SKIP_SHARE", 1.0)
    answer = choose_answer(shown(project, GOOD, BAD), random.Random(1), noise=0.0)
    assert (answer.kind, answer.tiers) == (Judgment.Kind.SKIP, ())
    assert answer.seconds is not None and answer.seconds > 0


def test_noise_changes_two_neighbours_of_a_ranking(project: Project) -> None:
    prompt = make_prompt(project)
    responses = [make_response(prompt, text) for text in (BAD, GOOD, "")]
    honest = ranking(responses, random.Random(1), noise=0.0)
    for seed in range(6):
        noisy = ranking(responses, random.Random(seed), noise=1.0)
        assert sorted(noisy) == sorted(honest), "each response once"
        moved = [at for at, (one, other) in enumerate(zip(honest, noisy, strict=True))
                 if one != other]  # fmt: skip
        assert moved in ([0, 1], [1, 2])


def test_no_more_judgments_are_reserved_than_are_wanted() -> None:
    tally = Tally(50)
    counts: list[int] = []

    def reserve() -> None:
        counts.append(sum(tally.reserve() for _ in range(40)))

    threads = [threading.Thread(target=reserve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 50
    tally.give_back()
    assert [tally.reserve(), tally.reserve()] == [True, False]


def test_a_skip_gives_its_judgment_back() -> None:
    tally = Tally(1)
    assert tally.reserve()
    tally.add(Judgment.Kind.SKIP)
    assert (tally.judgments, tally.is_over, tally.reserve()) == (0, False, True)
    tally.add(Judgment.Kind.TIE)
    assert (tally.judgments, tally.is_over, tally.reserve()) == (1, True, False)


def failing(times: int, problem: type[Exception]) -> Any:
    left = iter([problem("away")] * times)

    def call() -> str:
        for trouble in left:
            raise trouble
        return "done"

    return call


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PAUSE_SECOND", 0.0)
    assert patiently(failing(3, OperationalError), Tally(1)) == "done"
    over = Tally(1, is_stopped=True)
    with pytest.raises(OperationalError):
        patiently(failing(1, OperationalError), over)
    with pytest.raises(Conflict):
        patiently(failing(1, Conflict), Tally(1))


def test_a_conflict_gives_the_judgment_back_for_the_next_one(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_comparison(project)
    labeler, tally = make_member(project), Tally(5)
    assert tally.reserve()

    def conflict(*_: Any) -> None:
        raise Conflict("somebody else")

    monkeypatch.setattr(running.recording, "submit_and_claim", conflict)
    args = (project, labeler, None, tally, random.Random(1), 0.0)
    assert running._one_comparison(*args) is None
    assert (tally.reserved, tally.judgments) == (0, 0)


def test_who_has_nothing_to_judge_gives_the_judgment_back(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "PAUSE_SECOND", 0.0)
    tally = Tally(5)
    assert tally.reserve()
    args = (project, make_member(project), None, tally, random.Random(1), 0.0)
    assert running._one_comparison(*args) is None
    assert tally.reserved == 0


class Steps:
    """What the loop says comes next, look by look; the last one for ever."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *steps: NextStep) -> None:
        self.steps = [*steps]
        monkeypatch.setattr(running.rounds, "next_step", self.next)
        monkeypatch.setattr(running, "PAUSE_SECOND", 0.0)

    def next(self, _project: Project) -> NextStep:
        return self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]


TRAINING = NextStep(StepKind.RUNNING, "The reward model is being trained.")
LABEL = NextStep(StepKind.LABEL, "After 10 more preferences the reward model is trained.")


def test_it_waits_for_what_the_last_judgments_have_set_off(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    Steps(monkeypatch, NextStep(StepKind.TRAIN, "About to be trained."), TRAINING, TRAINING, LABEL)
    assert running._wait_for_loop(project, 60.0, lines.append) == ""
    assert lines == [
        "All judgments are made. About to be trained.",
        "All judgments are made. The reward model is being trained.",
    ], "each once"


def test_a_loop_that_never_ends_is_given_up_in_words(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    Steps(monkeypatch, TRAINING)
    words = running._wait_for_loop(project, 0.05, lambda _line: None)
    assert words.startswith("The loop was not done within 0 s. Does a worker run")


def watch(project: Project, tally: Tally, patience: float, lines: list[str]) -> str:
    """While one labeler is still at it."""
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    try:
        return running._watch(project, [thread], tally, patience, None, lines.append)
    finally:
        over.set()
        thread.join()


@pytest.fixture
def _looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "TELL_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(running, "HOPELESS_SECONDS", -1.0)


@pytest.mark.usefixtures("_looks_at_once")
@pytest.mark.parametrize("kind", running.HOPELESS)
def test_where_no_waiting_helps_the_loops_own_words_end_it(
    project: Project, monkeypatch: pytest.MonkeyPatch, kind: StepKind
) -> None:
    Steps(monkeypatch, NextStep(kind, "Set a base model."))
    assert watch(project, Tally(9), 60.0, []) == "Set a base model."


@pytest.mark.usefixtures("_looks_at_once")
def test_nobody_is_idle_in_vain_while_a_worker_is_at_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(project, Run.State.RUNNING)
    busy = NextStep(StepKind.RUNNING, "Training.", run=run)
    tally, lines = Tally(9, last_judgment_at=-1e9), list[str]()
    Steps(monkeypatch, busy, busy, NextStep(StepKind.STUCK, "Nothing came of it."))
    assert watch(project, tally, 60.0, lines) == "Nothing came of it."
    assert lines == ["    0 of 9 judgments. Training.", "    0 of 9 judgments. Nothing came of it."]
