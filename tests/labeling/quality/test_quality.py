"""Agreement, position bias and pace, against figures worked out by hand."""

from datetime import timedelta

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from labeling.models import Comparison, Judgment, Preference, Project, Role
from labeling.quality import figures
from labeling.quality.measures.coefficients import agreeing_pairs
from labeling.quality.measures.intervals import PromptTally, share_by_prompt
from modeling.measures.intervals import accuracy_interval
from tests.factories import (
    claim_and_judge,
    make_comparison,
    make_comparisons,
    make_member,
    make_project,
)


def judge_all(project: Project, *choices: str) -> None:
    """Every labeler answers every comparison with their own choice, by text, not by side."""
    for number, choice in enumerate(choices):
        labeler = make_member(project, name=f"{project.slug}-labeler{number}")
        for _ in range(project.comparisons.count()):
            claim_and_judge(labeler, project, choice)


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ((2, 0, 0, 0), (2, 2)),  # two labelers, one pair in each order, both agree
        ((1, 1, 0, 0), (0, 2)),
        ((2, 1, 0, 0), (2, 6)),  # three pairs, one of them agrees
        ((1, 1, 1, 1), (0, 12)),
        ((1, 0, 0, 0), (0, 0)),  # one judgment agrees with nobody
        ((0, 0, 0, 0), (0, 0)),
    ],
)
def test_agreeing_pairs_by_hand(votes: tuple[int, ...], expected: tuple[int, int]) -> None:
    assert agreeing_pairs(votes) == expected


def test_share_is_hits_over_trials_of_all_prompts() -> None:
    estimate = share_by_prompt([PromptTally(1, 2, 30), PromptTally(3, 4, 10)])
    assert estimate is not None
    assert estimate.value == pytest.approx((30 + 30) / (60 + 40))
    assert estimate.prompts == 40
    assert estimate.count == 100


def test_interval_of_one_trial_per_prompt_matches_the_binomial() -> None:
    # 400 coins, 100 heads: standard error sqrt(.25 * .75 / 400) = 0.02165
    estimate = share_by_prompt([PromptTally(1, 1, 100), PromptTally(0, 1, 300)])
    assert estimate is not None
    assert estimate.low == pytest.approx(0.25 - 1.96 * 0.02165, abs=0.005)
    assert estimate.high == pytest.approx(0.25 + 1.96 * 0.02165, abs=0.005)


def test_judgments_of_one_prompt_do_not_narrow_the_interval_like_independent_ones() -> None:
    clustered = share_by_prompt([PromptTally(10, 10, 20), PromptTally(0, 10, 20)])
    independent = share_by_prompt([PromptTally(1, 1, 200), PromptTally(0, 1, 200)])
    assert clustered and independent
    width = [e.high - e.low for e in (clustered, independent)]  # type: ignore[operator]
    assert width[0] == pytest.approx(width[1] * 10**0.5, rel=0.15)


def test_a_share_of_few_prompts_has_wilsons_interval_over_prompts() -> None:
    """2 of 4: centre 0.5, half sqrt(1 / 16 + 3.84 / 64) / (1 + 3.84 / 4) * 1.96 = 0.35. The
    number of judgments of a prompt makes it no narrower."""
    few = share_by_prompt([PromptTally(1, 2, 4)])
    assert few is not None
    assert (few.low, few.high) == pytest.approx((0.15, 0.85), abs=1e-3)
    many = share_by_prompt([PromptTally(10, 20, 4)])
    assert many is not None
    assert (many.low, many.high) == (few.low, few.high)


@pytest.mark.parametrize(("prompts", "is_sure"), [(1, False), (5, False), (6, True)])
def test_a_few_prompts_that_say_the_same_exclude_nothing(prompts: int, is_sure: bool) -> None:
    """Five coins fall on one side in 2 * 0.5 ** 5 = 6 % of tries, six in 3 %."""
    share = share_by_prompt([PromptTally(1, 1, prompts)])
    assert share is not None and share.excludes(0.5) == is_sure


@pytest.mark.django_db
@pytest.mark.parametrize(("answers", "is_told"), [(4, False), (6, True)])
def test_curators_are_told_of_a_side_only_when_chance_would_not_explain_it(
    client: Client, answers: int, is_told: bool
) -> None:
    project = make_project()
    make_comparisons(project, answers)
    labeler = make_member(project)
    for _ in range(answers):
        claim_and_judge(labeler, project, "left")
    client.force_login(make_member(project, Role.CURATOR))
    page = client.get(reverse("curation", args=[project.slug])).content.decode()
    assert ("more often than chance would explain" in page) == is_told


def test_there_is_no_share_without_trials() -> None:
    assert share_by_prompt([PromptTally(0, 0, 10)]) is None
    assert share_by_prompt([]) is None


def test_prompts_count_the_same_in_one_tally_or_in_many() -> None:
    together = [PromptTally(1, 2, 30), PromptTally(2, 2, 10)]
    assert share_by_prompt(together) == share_by_prompt(
        [PromptTally(2, 2)] * 10 + [PromptTally(1, 2)] * 30
    )


def test_people_and_models_have_one_rule() -> None:
    """The same answers, as agreement of people and as accuracy of a model, have one interval:
    with few prompts, with hardly any that differ, and with many."""
    for right, wrong in ((2, 1), (20, 9), (95, 5), (70, 30)):
        share = share_by_prompt([PromptTally(1, 1, right), PromptTally(0, 1, wrong)])
        accuracy = accuracy_interval([[1.0]] * right + [[0.0]] * wrong)
        assert share is not None and accuracy is not None
        assert (share.value, share.low, share.high, share.count) == tuple(accuracy.values())


@pytest.mark.parametrize(("prompts", "share"), [(5, 0.9), (10, 0.9), (20, 0.7), (40, 0.7)])
def test_a_share_is_covered_as_often_as_it_should_be(prompts: int, share: float) -> None:
    """Three judgments of a prompt that lean alike. A bootstrap of five prompts would cover 90 % in
    seven of ten tries."""
    random, tries, covered = np.random.default_rng(7), 300, 0
    leaning = random.beta(share * 7 / 3, (1 - share) * 7 / 3, size=(tries, prompts))
    for hits in random.binomial(3, leaning).tolist():
        estimate = share_by_prompt(PromptTally(hit, 3) for hit in hits)
        assert estimate is not None and estimate.low is not None and estimate.high is not None
        covered += estimate.low <= share <= estimate.high
    assert covered / tries >= 0.92


def test_full_agreement_on_few_prompts_is_not_certainty() -> None:
    estimate = share_by_prompt([PromptTally(2, 2, 10)])
    assert estimate is not None
    # Wilson, 10 of 10: 10 / (10 + 1.96²) = 0.722
    assert estimate.low == pytest.approx(0.722, abs=0.001)
    assert estimate.high == pytest.approx(1.0)


@pytest.mark.django_db
def test_agreement_of_two_who_always_and_two_who_never_agree() -> None:
    together, apart = make_project(overlap=2, random_share=0), make_project(overlap=2)
    for project in (together, apart):
        make_comparisons(project, 3)
    judge_all(together, "tie", "tie")
    judge_all(apart, "tie", "both_bad")
    assert figures.agreement(together).value == 1.0  # type: ignore[union-attr]
    assert figures.agreement(apart).value == 0.0  # type: ignore[union-attr]


@pytest.mark.django_db
def test_agreement_equals_the_pure_function_over_the_rows_and_counts_excluded_ones() -> None:
    project = make_project(overlap=3)
    make_comparisons(project, 6)
    judge_all(project, "left", "left", "tie")
    fields = ("votes_chosen", "votes_rejected", "votes_tie", "votes_both_bad")
    pairs = [
        agreeing_pairs(votes)
        for votes in Preference.objects.filter(project=project).values_list(*fields)
    ]
    assert len(pairs) == 6
    expected = sum(hits for hits, _ in pairs) / sum(trials for _, trials in pairs)
    before = figures.agreement(project)
    Preference.objects.filter(project=project).update(excluded=True, excluded_reason="x")
    assert before is not None
    assert before.value == pytest.approx(expected)
    assert figures.agreement(project) == before


@pytest.mark.django_db
def test_agreement_by_day_puts_each_preference_on_the_day_it_was_finished() -> None:
    project = make_project(overlap=2)
    make_comparisons(project, 2)
    judge_all(project, "tie", "tie")
    first = Preference.objects.filter(project=project).order_by("id").first()
    assert first is not None
    Preference.objects.filter(pk=first.pk).update(votes_tie=1, votes_both_bad=1)
    Comparison.objects.filter(pk=first.comparison_id).update(
        finished_at=timezone.now() - timedelta(days=3)
    )
    by_day = figures.agreement_by_day(project)
    assert [estimate.value for estimate in by_day.values()] == [0.0, 1.0]
    first_day, second_day = by_day
    assert second_day - first_day == timedelta(days=3)
    assert list(figures.agreement_by_day(project, days=2)) == [second_day]


@pytest.mark.django_db
def test_left_share_counts_screen_sides_whatever_the_response() -> None:
    project = make_project(overlap=1)
    make_comparisons(project, 4)
    labeler = make_member(project)
    for choice in ("left", "left", "right", "tie"):
        claim_and_judge(labeler, project, choice)
    estimate = figures.left_share(project)
    assert estimate is not None
    assert estimate.value == pytest.approx(2 / 3)
    assert estimate.count == 3


@pytest.mark.django_db
def test_left_share_leaves_out_superseded_judgments_and_rankings() -> None:
    project = make_project()
    make_comparison(project)
    labeler = make_member(project)
    recorded = claim_and_judge(labeler, project, "left")
    Judgment.objects.filter(pk=recorded.judgment.pk).update(superseded_at=timezone.now())
    assert figures.left_share(project) is None


@pytest.mark.django_db
def test_judgments_per_day_has_a_zero_for_every_idle_day() -> None:
    project = make_project()
    make_comparisons(project, 3)
    labeler = make_member(project)
    for _ in range(3):
        recorded = claim_and_judge(labeler, project, "left")
    yesterday = timezone.now() - timedelta(days=1)
    Judgment.objects.filter(pk=recorded.judgment.pk).update(created_at=yesterday)
    per_day = figures.judgments_per_day(project, days=7)
    assert list(per_day.values()) == [0, 0, 0, 0, 0, 1, 2]
    assert list(per_day)[-1] == timezone.localdate()


@pytest.mark.django_db
def test_judgments_by_kind_names_every_kind() -> None:
    project = make_project()
    make_comparisons(project, 3)
    labeler = make_member(project)
    for choice in ("left", "tie", "skip"):
        claim_and_judge(labeler, project, choice)
    counts = figures.judgments_by_kind(project)
    assert counts == {"prefer": 1, "tie": 1, "both_bad": 0, "skip": 1, "flag": 0}


@pytest.mark.django_db
def test_other_projects_are_not_counted() -> None:
    mine, other = make_project(), make_project(overlap=2)
    make_comparisons(other, 2)
    judge_all(other, "left", "right")
    assert figures.agreement(mine) is None
    assert figures.left_share(mine) is None
    assert sum(figures.judgments_per_day(mine).values()) == 0
