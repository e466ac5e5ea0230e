"""Pairs join the queue while a sampling goes on, once each, and its end comes to the same."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connections

from labeling.models import Comparison, Project, Response
from modeling.core.generating import samples_file
from modeling.models import EarlyPair, Run
from modeling.pipeline import executing, sampled_pairs
from modeling.pipeline.sample_tail import SampleTail
from modeling.runs import lifecycle
from tests.factories import claim, make_member, make_project, make_prompt
from tests.modeling.loop_helpers import (
    FAKE,
    advance_one,
    execute,
    loop_project,
    make_policy,
    train_once,
)
from tests.modeling.pipeline.test_pipeline import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def bare_project(tmp_path: Path, prompts: int = 6, behaviour: str = "in_steps") -> Project:
    """Prompts, a policy, and nothing to label."""
    project = make_project(sample_prompts=prompts, queue_target=30)
    for number in range(prompts):
        make_prompt(project, f"Question {number}?")
    make_policy(project, tmp_path / "policy", behaviour)
    return project


def first_sampling(project: Project) -> Run:
    return advance_one(project)


@contextmanager
def under_way(run: Run) -> Iterator[Callable[[], None]]:
    """The run, stopped within its third prompt, with what was complete queued; what is given lets
    it go on to its end."""

    def work() -> None:
        try:
            executing.execute(run.pk, package=FAKE, beat_seconds=0.02)
        finally:
            connections.close_all()

    def go_on() -> None:
        (run.folder / "sample" / "go_on").touch()
        thread.join(30)
        run.refresh_from_db()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        wait_until(lambda: EarlyPair.objects.filter(run=run).count() == 2)
        yield go_on
    finally:
        go_on()


def pairs_of(project: Project) -> set[tuple[int, frozenset[str]]]:
    return {
        (row.prompt_id, frozenset(response.text for response in row.responses.all()))
        for row in Comparison.objects.filter(project=project)
    }


def new_pairs(run: Run) -> list[Comparison]:
    number = run.round.number if run.round else None
    return list(Comparison.objects.filter(project=run.project, round_number=number))


def test_labelers_get_a_comparison_before_the_sampling_ends(tmp_path: Path) -> None:
    project = bare_project(tmp_path)
    labeler = make_member(project)
    run = first_sampling(project)
    assert claim(labeler, project) is None
    with under_way(run) as go_on:
        assert claim(labeler, project) is not None
        run.refresh_from_db()
        assert run.state == Run.State.RUNNING
        go_on()
    assert run.state == Run.State.SUCCEEDED


def test_only_prompts_with_all_their_responses_are_queued(tmp_path: Path) -> None:
    project = bare_project(tmp_path)
    run = first_sampling(project)
    with under_way(run):
        queued = {pair.prompt_id for pair in EarlyPair.objects.filter(run=run)}
        stored = Response.objects.filter(prompt__project=project)
        assert {row.prompt_id for row in stored} == queued
        assert stored.count() == 2 * project.loop_settings.samples_per_prompt


def test_in_pieces_the_queue_and_the_figures_are_as_in_one(tmp_path: Path) -> None:
    project = bare_project(tmp_path)
    run = first_sampling(project)
    with under_way(run) as go_on:
        go_on()
    in_pieces, figures = pairs_of(project), run.results
    Comparison.objects.filter(project=project).delete()
    Response.objects.filter(prompt__project=project).delete()
    assert not EarlyPair.objects.exists()
    sampled_pairs.store_samples(run)
    assert figures == figures | sampled_pairs.queue_pairs(run)
    assert pairs_of(project) == in_pieces
    assert figures["comparisons"] == figures["prompts"] == len(in_pieces) == 6


def test_a_cancelled_sampling_keeps_what_it_has_queued_and_goes_on_without_doing_it_twice(
    tmp_path: Path,
) -> None:
    project = bare_project(tmp_path)
    run = first_sampling(project)
    with under_way(run):
        lifecycle.request_cancel(run, None)
        wait_until(lambda: Run.objects.get(pk=run.pk).state == Run.State.CANCELLED)
    before = pairs_of(project)
    assert len(before) == 2
    lifecycle.retry(run, None)
    execute(run)
    assert run.state == Run.State.SUCCEEDED
    assert before < pairs_of(project)
    assert Comparison.objects.filter(project=project).count() == run.results["comparisons"] == 6


def test_a_worker_that_has_lost_its_run_queues_nothing(tmp_path: Path) -> None:
    project = bare_project(tmp_path)
    run = first_sampling(project)
    claimed = executing.claim(run.pk)
    assert claimed is not None
    (run.folder / "sample").mkdir(parents=True)
    Run.objects.filter(pk=run.pk).update(attempt=claimed.attempt + 1)
    execution = executing.Execution(claimed, lock=0, package=FAKE, beat_seconds=0.02)
    early = sampled_pairs.EarlyQueue(claimed, execution._hold)
    prompt = project.prompts.first()
    assert prompt is not None
    early.responses[prompt.pk] = {
        k: {"id": str(prompt.pk), "sample": k, "text": f"text {k}", "seed": k} for k in range(9)
    }
    with pytest.raises(executing.Lost):
        early.look()
    assert not Comparison.objects.exists()
    assert not Response.objects.exists()


def scored_sampling(tmp_path: Path) -> tuple[Project, Run]:
    """With a reward model in service that chooses every pair, and a policy that stops."""
    project = loop_project(tmp_path, random_share=0.0)
    train_once(project)
    (tmp_path / "policy" / "behaviour").write_text("in_steps")
    return project, advance_one(project)


def are_shortest(comparison: Comparison) -> bool:
    """The fake reward is the length: the two shortest differ least, so theirs is the question."""
    written = Response.objects.filter(prompt=comparison.prompt, origin="policy")
    lengths = sorted(len(row.text) for row in written)
    return sorted(len(row.text) for row in comparison.responses.all()) == lengths[:2]


def test_what_nobody_has_seen_gives_way_to_the_pair_that_the_model_chooses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, run = scored_sampling(tmp_path)
    monkeypatch.setattr(sampled_pairs, "choose_pairs", _longest_first(sampled_pairs.choose_pairs))
    with under_way(run) as go_on:
        assert not any(are_shortest(row) for row in new_pairs(run))
        go_on()
    assert len(new_pairs(run)) == run.results["comparisons"] == 6
    assert all(are_shortest(row) for row in new_pairs(run))


def test_what_somebody_was_handed_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project, run = scored_sampling(tmp_path)
    monkeypatch.setattr(sampled_pairs, "choose_pairs", _longest_first(sampled_pairs.choose_pairs))
    labeler = make_member(project)
    with under_way(run) as go_on:
        early = min(new_pairs(run), key=lambda row: row.pk)
        Comparison.objects.filter(pk=early.pk).update(priority=2.0)
        project.random_share = 0.0
        held = claim(labeler, project)
        assert held is not None and held.comparison_id == early.pk
        go_on()
    assert Comparison.objects.filter(pk=early.pk).exists()
    assert len(new_pairs(run)) == run.results["comparisons"] == 6
    assert sum(are_shortest(row) for row in new_pairs(run)) == 5


def test_pairs_that_no_model_has_chosen_wait_behind_those_that_one_has(tmp_path: Path) -> None:
    project, run = scored_sampling(tmp_path)
    with under_way(run):
        assert 0 < max(row.priority for row in new_pairs(run)) < 0.001
        assert project.comparisons.filter(slots_left__gt=0).count() > len(new_pairs(run))


def _longest_first(choose: Callable[..., dict[int, tuple[int, int]]]) -> Callable[..., object]:
    """Early, instead of a random pair, the one that the model would choose last."""

    def chosen(by_prompt, taken, *, follower, **given):  # type: ignore[no-untyped-def]
        if follower is not None:
            return choose(by_prompt, taken, follower=follower, **given)
        return {
            prompt: tuple(sorted(responses)[-2:])
            for prompt, responses in by_prompt.items()
            if len(responses) > 1
        }

    return chosen


def test_what_the_program_writes_is_read_unless_it_was_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples_file, "SECONDS_BETWEEN_WRITES", 0.0)
    file = samples_file.SamplesFile(tmp_path / "samples.jsonl")
    for number in range(2):
        wanted = samples_file.Wanted("p", "1", number, seed=number)
        file.add(wanted, f"answer {number}", finished=True, tokens=2)
    damaged = file.path.read_text().replace("answer 1", "another!")
    file.path.write_text(damaged)
    assert [row["text"] for row in SampleTail(file.path).read()] == ["answer 0"]


def test_a_file_is_read_line_by_line_and_anew_once_it_is_another(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    tail = SampleTail(path)
    assert tail.read() == []
    row = '{"policy": "p", "id": "1", "sample": %d}\n'
    path.write_text(row % 0 + '{"policy": "p", "id"')
    assert [one["sample"] for one in tail.read()] == [0]
    assert tail.read() == []
    with path.open("a") as file:
        file.write(': "2", "sample": 5}\n')
    assert [one["sample"] for one in tail.read()] == [5]
    other = tmp_path / "other"
    other.write_text(row % 1 + row % 2)
    other.replace(path)
    assert [one["sample"] for one in tail.read()] == [1, 2]
