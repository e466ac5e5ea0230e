"""Which pairs of two policies people judge blind, and how the comparison stands meanwhile."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from labeling.models import Assignment, Comparison, Project, Prompt, Response, Role, User
from labeling.models.material import Split
from labeling.models.people import Membership, Qualification
from labeling.queue.leases import release_lease
from modeling.models import BlindPair, Round
from modeling.policies import blind
from modeling.policies.blind import BlindStanding
from modeling.policies.comparing import Outcome, Verdict, judge
from tests.factories import (
    claim,
    make_comparison,
    make_member,
    make_project,
    make_prompt,
    make_response,
)
from tests.factories import judge as answer

pytestmark = pytest.mark.django_db


@pytest.fixture
def round_() -> Round:
    project = make_project(gold_share=0.0, random_share=0.0)
    return Round.objects.create(
        project=project, number=3, state=Round.State.COMPARING, started_at=timezone.now()
    )


def written(prompt: Prompt, *texts: str) -> list[Response]:
    fields = {"origin": Response.Origin.POLICY, "policy_version": 1}
    return [make_response(prompt, text, **fields) for text in texts]


def queue(
    round_: Round, texts: list[tuple[str, str]], most: int = 100
) -> tuple[dict[str, int], list[Comparison]]:
    """A prompt for each (text of the current policy, text of the new one), and their pairs."""
    current: dict[int, list[str]] = {}
    new: dict[int, list[str]] = {}
    for old_text, new_text in texts:
        prompt = make_prompt(round_.project)
        (old,) = written(prompt, old_text)
        other = old if new_text == old_text else written(prompt, new_text)[0]
        current[prompt.pk], new[prompt.pk] = [old.digest], [other.digest]
    counts = blind.queue_pairs(round_, current, new, most)
    return counts, list(Comparison.objects.filter(blind_pair__round=round_).order_by("pk"))


def test_a_pair_is_queued_for_each_prompt_that_got_two_answers(round_: Round) -> None:
    counts, pairs = queue(round_, [("old", "new"), ("same", "same"), ("a", "b")])
    assert counts == {"comparisons": 2, "prompts": 3, "identical": 1}
    assert [pair.priority for pair in pairs] == [blind.PRIORITY] * 2
    for row in BlindPair.objects.all():
        assert row.current_response.text in ("old", "a")
        assert row.candidate_response.text in ("new", "b")


@pytest.mark.parametrize(("most", "queued"), [(0, 0), (1, 1), (5, 3)])
def test_no_more_pairs_are_queued_than_are_to_be_compared(
    round_: Round, most: int, queued: int
) -> None:
    counts, pairs = queue(round_, [("a", "b"), ("c", "d"), ("e", "f")], most)
    assert counts["comparisons"] == len(pairs) == queued
    assert counts["prompts"] == 3


def test_nothing_sampled_queues_nothing(round_: Round) -> None:
    assert blind.queue_pairs(round_, {}, {}, 10) == {
        "comparisons": 0, "prompts": 0, "identical": 0,
    }  # fmt: skip


def test_a_prompt_that_only_one_policy_answered_is_neither_pair_nor_identical(
    round_: Round,
) -> None:
    prompt = make_prompt(round_.project)
    (only,) = written(prompt, "only")
    assert blind.queue_pairs(round_, {prompt.pk: [only.digest]}, {}, 10) == {
        "comparisons": 0, "prompts": 1, "identical": 0,
    }  # fmt: skip


def test_a_pair_that_was_compared_before_is_not_compared_again(round_: Round) -> None:
    comparison = make_comparison(round_.project, ("old", "new"))
    old, new = comparison.prompt.responses.order_by("text").reverse()
    prompt = comparison.prompt_id
    counts = blind.queue_pairs(round_, {prompt: [old.digest]}, {prompt: [new.digest]}, 10)
    assert (counts["comparisons"], BlindPair.objects.count()) == (0, 0)


def test_prompts_that_the_new_policy_was_trained_on_come_last(round_: Round) -> None:
    project = round_.project
    train, trained_on, held_out, compared = (make_prompt(project) for _ in range(4))
    Prompt.objects.filter(pk__in=[train.pk, trained_on.pk]).update(split=Split.TRAIN)
    Prompt.objects.filter(pk__in=[held_out.pk, compared.pk]).update(split=Split.TEST)
    old, new = written(compared, "old", "new")
    blind.queue_pairs(round_, {compared.pk: [old.digest]}, {compared.pk: [new.digest]}, 1)
    for seed in range(5):
        chosen = blind.choose_prompts(project, 4, seed, {trained_on.pk})
        assert chosen == [held_out.pk, compared.pk, train.pk, trained_on.pk]
        assert blind.choose_prompts(project, 1, seed, {trained_on.pk}) == [held_out.pk]


@pytest.mark.parametrize("pairs", [0, 3])
def test_a_project_without_prompts_has_none_to_choose(round_: Round, pairs: int) -> None:
    assert blind.choose_prompts(round_.project, pairs, 0, set()) == []


def decide(round_: Round, wins: str, by: Any = None) -> None:
    """Judges the pairs of the round: n for the new policy, c for the current one, t for a tie."""
    labeler = by or make_member(round_.project)
    for win in wins:
        assignment = claim(labeler, round_.project)
        assert assignment is not None and assignment.shown is not None
        pair = BlindPair.objects.get(comparison=assignment.comparison_id)
        winner = pair.candidate_response if win == "n" else pair.current_response
        side = "left" if assignment.shown[0] == winner else "right"
        answer(assignment, "tie" if win == "t" else side)


def test_points_are_the_new_policys_whichever_side_it_was_on(round_: Round) -> None:
    queue(round_, [("a", "b"), ("c", "d"), ("e", "f"), ("g", "h")])
    decide(round_, "nctn")
    assert blind.points_of(round_) == [1.0, 0.0, 0.5, 1.0]


def test_a_round_without_pairs_had_nothing_to_compare(round_: Round) -> None:
    standing = blind.standing(round_)
    assert (standing.pairs, standing.judged, standing.still_open) == (0, 0, 0)
    assert standing.in_words.startswith("The two policies wrote the same responses")


def test_a_comparison_goes_on_while_somebody_can_still_judge(round_: Round) -> None:
    queue(round_, [("a", "b"), ("c", "d")])
    decide(round_, "n")
    standing = blind.standing(round_)
    assert (standing.pairs, standing.judged, standing.still_open) == (2, 1, 1)
    assert standing.outcome.verdict == Verdict.OPEN


def test_all_ties_tell_nothing_and_the_current_policy_stays(round_: Round) -> None:
    queue(round_, [(f"a{n}", f"b{n}") for n in range(12)])
    decide(round_, "t" * 12)
    standing = blind.standing(round_)
    assert standing.outcome.verdict == Verdict.UNDECIDED
    assert "won 50% of 12 blind comparisons" in standing.in_words
    assert standing.in_words.endswith("not enough to tell which is better, so the current policy "
                                      "stays.")  # fmt: skip


def skip_all(round_: Round) -> Any:
    """The only labeler skips every pair."""
    labeler = make_member(round_.project)
    while (assignment := claim(labeler, round_.project)) is not None:
        answer(assignment, "skip")
    return labeler


def look_at_one(round_: Round, labeler: User) -> None:
    """Labels no longer, but has done so just now: the comparison is handed back."""
    assignment = claim(labeler, round_.project)
    assert assignment is not None
    release_lease(assignment.uuid, labeler.pk)


def test_pairs_that_nobody_is_left_to_judge_are_not_waited_for(round_: Round) -> None:
    queue(round_, [("a", "b"), ("c", "d")])
    skip_all(round_)
    standing = blind.standing(round_)
    assert (standing.pairs, standing.still_open) == (2, 0)
    assert standing.outcome.verdict == Verdict.UNDECIDED
    assert standing.in_words == "None of the blind comparisons was judged."


OTHERS: dict[str, dict[str, Any]] = {
    "paused": {"is_paused": True},
    "excluded": {"excluded_at": timezone.now(), "excluded_reason": "Spam.", "is_paused": True},
    "in the first round": {"qualification": Qualification.OPEN},
}


@pytest.mark.parametrize("other", OTHERS)
def test_somebody_who_gets_no_work_is_not_waited_for(round_: Round, other: str) -> None:
    Project.objects.filter(pk=round_.project_id).update(qualification_items=5)
    queue(round_, [("a", "b")])
    skip_all(round_)
    Membership.objects.update(qualification=Qualification.PASSED)
    second = make_member(round_.project)
    Membership.objects.filter(user=second).update(qualification=Qualification.PASSED)
    look_at_one(round_, second)
    round_.project.refresh_from_db()
    assert blind.standing(round_).still_open == 1
    Membership.objects.filter(user=second).update(**OTHERS[other])
    assert blind.standing(round_).still_open == 0


def test_whoever_has_not_labeled_for_long_is_not_waited_for(round_: Round) -> None:
    queue(round_, [("a", "b")])
    skip_all(round_)
    second = make_member(round_.project)
    look_at_one(round_, second)
    assert blind.standing(round_).still_open == 1
    long_ago = timezone.now() - blind.LABELED_LATELY - timedelta(minutes=1)
    Assignment.objects.filter(labeler=second).update(leased_at=long_ago)
    assert blind.standing(round_).still_open == 0


def test_a_curator_in_the_first_round_is_waited_for(round_: Round) -> None:
    """The first round is for labelers alone."""
    Project.objects.filter(pk=round_.project_id).update(qualification_items=5)
    queue(round_, [("a", "b")])
    curator = make_member(round_.project, Role.CURATOR)
    look_at_one(round_, curator)
    round_.project.refresh_from_db()
    assert blind.standing(round_).still_open == 1


def test_pairs_that_nobody_has_seen_wait_behind_all_others_afterwards(round_: Round) -> None:
    queue(round_, [("a", "b"), ("c", "d"), ("e", "f")])
    labeler = make_member(round_.project)
    seen = claim(labeler, round_.project)
    assert seen is not None
    assert blind.release(round_) == 2
    priorities = dict(Comparison.objects.values_list("pk", "priority"))
    assert priorities.pop(seen.comparison_id) == blind.PRIORITY
    assert set(priorities.values()) == {blind.PRIORITY_AFTERWARDS}
    assert blind.release(round_) == 2, "and again changes nothing"


@pytest.mark.parametrize(("point", "verdict"), [(1.0, "better"), (0.0, "worse")])
def test_the_verdict_is_in_words_with_its_interval(point: float, verdict: str) -> None:
    outcome: Outcome = judge([point] * 10, cap=10)
    rate = outcome.win_rate
    assert rate is not None
    words = BlindStanding(10, 10, 0, outcome).in_words
    assert words == (
        f"The new policy's response won {point:.0%} of 10 blind comparisons "
        f"[{rate.low:.0%}, {rate.high:.0%}]: {verdict}."
    )
