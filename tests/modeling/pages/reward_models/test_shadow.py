"""After a promotion the predecessor foretells in the shadow for one round, and then no more."""

from pathlib import Path

import pytest

from labeling.models import Project
from modeling.loop import rounds
from modeling.models import Foretold, Loop, RewardModel, Round, Run, Score, versions
from modeling.reward_models import drift, service
from modeling.reward_models.shadow_comparison import compare_with_shadow
from tests.factories import claim_and_judge, make_member
from tests.modeling.loop_helpers import advance_one, execute, label, loop_project, train_once

pytestmark = pytest.mark.django_db(transaction=True)


def two_models(tmp_path: Path) -> tuple[Project, RewardModel, RewardModel]:
    """Two rounds of everything: the second model is in service, the first in its shadow."""
    project = loop_project(tmp_path, random_share=1.0)
    train_once(project)
    execute(advance_one(project))  # samples, scored by v1
    label(project, 10)
    execute(advance_one(project))
    rounds.advance(project)
    first, second = RewardModel.objects.filter(project=project).order_by("version")
    assert versions.loop_of(project).reward_model == second
    return project, first, second


def test_the_predecessor_scores_what_the_model_in_service_scores(tmp_path: Path) -> None:
    project, first, second = two_models(tmp_path)
    run = Run.objects.filter(project=project, kind="sample").latest("pk")
    assert run.config["shadow"] == first.pk
    execute(run)
    assert run.state == Run.State.SUCCEEDED
    read = Score.objects.filter(reward_model=second).values_list("response")
    assert Score.objects.filter(reward_model=first, response__in=read).count() == len(read) > 0


def test_new_random_judgments_are_foretold_by_both(tmp_path: Path) -> None:
    project, first, second = two_models(tmp_path)
    execute(Run.objects.filter(project=project, kind="sample").latest("pk"))
    labeler = make_member(project)
    for _ in range(6):
        claim_and_judge(labeler, project)
    drift.note_foretold(project, second)
    said = Foretold.objects.filter(in_shadow=True)
    assert {row.reward_model for row in said} == {first}
    by_live = Foretold.objects.filter(reward_model=second, in_shadow=False)
    assert set(said.values_list("preference")) <= set(by_live.values_list("preference"))
    assert said.count() > 0
    assert drift.note_foretold(project, second) == 0, "once is enough"
    (found,) = compare_with_shadow(second)
    assert (found.new, found.old, found.count) == (second, first, said.count())
    assert compare_with_shadow(first) == [found]


def test_the_shadow_ends_with_the_round_after_the_promotion(tmp_path: Path) -> None:
    project, first, _ = two_models(tmp_path)
    newest = Round.objects.filter(project=project).latest("number")
    assert service.shadow_of(project) == first
    assert Loop.objects.get(project=project).shadow_until == newest.number
    newest.state = Round.State.FINISHED
    newest.save()
    Round.objects.create(project=project, number=newest.number + 1, started_at=newest.started_at)
    assert service.shadow_of(project) is None


def test_what_the_predecessor_says_is_none_of_the_drift_alarm(tmp_path: Path) -> None:
    project, first, second = two_models(tmp_path)
    execute(Run.objects.filter(project=project, kind="sample").latest("pk"))
    labeler = make_member(project)
    for _ in range(4):
        claim_and_judge(labeler, project)
    before = [part.accuracy.n for part in drift.prequential(first)]
    drift.note_foretold(project, second)
    assert Foretold.objects.filter(reward_model=first, in_shadow=True).exists()
    assert [part.accuracy.n for part in drift.prequential(first)] == before


def test_a_predecessor_that_is_gone_holds_up_no_sampling(tmp_path: Path) -> None:
    project, first, _ = two_models(tmp_path)
    run = Run.objects.filter(project=project, kind="sample").latest("pk")
    (first.path / "behaviour").write_text("refuse")
    assert execute(run).state == Run.State.SUCCEEDED


def test_a_roll_back_puts_the_newer_one_in_the_shadow(tmp_path: Path) -> None:
    project, first, second = two_models(tmp_path)
    service.make_live(first, None)
    assert service.shadow_of(project) == second
