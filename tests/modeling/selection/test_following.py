"""The queue follows judgments: what the head learns, what is written, and what is not."""

import numpy as np
import pytest

from labeling.judging import recording
from labeling.models import Comparison, Judgment, Preference
from labeling.models.material import Split
from modeling.models import BlindPair, InstantGuess, QueueOrder, ResponseFeatures, Round
from modeling.selection import ordering
from modeling.selection.learner import Follower
from modeling.selection.queue_arrays import load_queue
from tests.factories import make_comparison, make_project
from tests.modeling.page_helpers import make_reward_model
from tests.modeling.selection_helpers import (
    in_line,
    judge_next,
    live_model,
    queue_pairs,
    tell,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nothing_in_memory() -> None:
    ordering.forget()


def test_without_a_reward_model_nothing_is_put_in_order() -> None:
    project = make_project()
    make_comparison(project)
    assert not ordering.follow(project)
    assert not QueueOrder.objects.exists()


def test_the_line_begins_in_the_order_of_the_model() -> None:
    project = make_project()
    model = live_model(project)
    sure, even, likely = queue_pairs(project, model, [(4.0, []), (0.1, []), (1.0, [])])
    assert ordering.follow(project)
    assert in_line(project) == [even.pk, likely.pk, sure.pk]
    assert not ordering.follow(project), "nothing is new"


def test_a_judgment_reorders_the_line_at_once() -> None:
    """The model calls all pairs of one kind even. Judged for "Good." again and again they are
    even no longer, and those of the other kind come first, although they were behind."""
    project = make_project(random_share=0.0)
    model = live_model(project)
    kinds = [[1.0, 0.0]] * 10 + [[0.0, 1.0]] * 4
    pairs = queue_pairs(project, model, [(0.1 if k[0] else 0.6, k) for k in kinds])
    ordering.follow(project)
    Comparison.objects.filter(pk__in=[p.pk for p in pairs[:6]]).update(priority=1.0)
    judge_next(project, 6)
    assert ordering.follow(project)
    assert set(in_line(project)[:4]) == {pair.pk for pair in pairs[10:]}
    assert QueueOrder.objects.get(project=project).learnt == 6


def test_what_was_said_before_learning_is_noted_once() -> None:
    project = make_project(random_share=1.0)
    model = live_model(project)
    queue_pairs(project, model, [(1.0, [1.0, 0.0]), (-0.5, [0.0, 1.0]), (0.2, [1.0, 1.0])])
    judge_next(project, 2)
    ordering.follow(project)
    ordering.forget()
    ordering.follow(project)
    told = list(InstantGuess.objects.order_by("preference"))
    assert len(told) == 2
    assert {row.arm for row in told} == {"random"}
    for row in told:
        chosen, rejected = row.preference.chosen, row.preference.rejected
        margin = chosen.scores.get().value - rejected.scores.get().value
        assert row.model_point == float(margin > 0)
        assert row.model_loss == pytest.approx(np.log1p(np.exp(-margin)))
    # Of the first judgment the head knows what the model knows, and that it may be miscalibrated.
    assert (told[0].point, told[0].loss) == (
        told[0].model_point, pytest.approx(told[0].model_loss, abs=0.15),
    )  # fmt: skip


def test_held_out_prompts_are_foretold_and_teach_nothing() -> None:
    project = make_project()
    model = live_model(project)
    (pair,) = queue_pairs(project, model, [(1.0, [1.0, 0.0])])
    queue_pairs(project, model, [(1.0, [0.0, 1.0])])
    judge_next(project, 1)
    Preference.objects.update(split=Split.TEST)
    follower = Follower(model, load_queue(project, model))
    assert follower.catch_up() == 1
    assert follower.head.log_weight.tolist() == [0.0] * 4
    assert InstantGuess.objects.count() == 1
    assert pair.pk


def test_an_answer_taken_back_is_unlearnt() -> None:
    project = make_project()
    model = live_model(project)
    queue_pairs(project, model, [(0.5, [1.0, 0.0]), (0.5, [0.0, 1.0])])
    queue_pairs(project, model, [(0.5, [1.0, 1.0])])
    judge_next(project, 2)
    follower = Follower(model, load_queue(project, model))
    follower.catch_up()
    last = Judgment.objects.latest("pk")
    recording.undo_last(last.labeler, project)
    follower.catch_up()
    anew = Follower(model, load_queue(project, model))
    anew.catch_up()
    assert len(follower.learnt) == 1
    assert follower.head.mean == pytest.approx(anew.head.mean)


def test_a_second_worker_knows_the_same() -> None:
    project = make_project()
    model = live_model(project)
    queue_pairs(project, model, [(0.3 * n, [float(n), 1.0 - n]) for n in range(6)])
    judge_next(project, 2)
    ordering.follow(project)
    judge_next(project, 1)
    ordering.follow(project)
    first = dict(Comparison.objects.values_list("pk", "priority"))
    ordering.forget()
    ordering.follow(project)
    assert dict(Comparison.objects.values_list("pk", "priority")) == first


def test_blind_comparisons_and_those_without_a_reward_keep_their_place() -> None:
    project = make_project()
    model = live_model(project)
    blind, even = queue_pairs(project, model, [(0.0, []), (0.1, [])])
    unscored = make_comparison(project)
    new, old = blind.responses.all()
    opened = Round.objects.create(
        project=project, number=1, state=Round.State.COMPARING, started_at=model.created_at
    )
    BlindPair.objects.create(
        round=opened, comparison=blind, candidate_response=new, current_response=old
    )
    Comparison.objects.filter(pk=blind.pk).update(priority=1.0)
    ordering.follow(project)
    assert in_line(project) == [blind.pk, even.pk, unscored.pk]
    assert Comparison.objects.get(pk=blind.pk).priority == 1.0
    assert Comparison.objects.get(pk=even.pk).priority < 1.0


def test_a_ranking_is_worth_the_mean_over_its_pairs() -> None:
    """Rewards 0, 1, 3 differ by 1, 2, 3; a pair that differs by 1.5 is more open than their mean,
    one by 2.5 is less."""
    project = make_project()
    model = live_model(project)
    ranking = make_comparison(project, ("a", "b", "c"))
    for response, reward in zip(ranking.responses.order_by("pk"), (0.0, 1.0, 3.0), strict=True):
        tell(model, response, reward, [])
    open_, sure = queue_pairs(project, model, [(1.5, []), (2.5, [])])
    ordering.follow(project)
    assert in_line(project) == [open_.pk, ranking.pk, sure.pk]


def test_members_that_disagree_make_a_pair_worth_a_label() -> None:
    project = make_project(selection="disagreement")
    model = live_model(project)
    agreed, disputed = queue_pairs(project, model, [(0.5, []), (0.5, [])])
    for comparison, opinions in ((agreed, [0.5, 0.5]), (disputed, [4.0, -3.0])):
        response = comparison.responses.get(text="Good.")
        response.scores.update(members=opinions)
    ordering.follow(project)
    assert in_line(project) == [disputed.pk, agreed.pk]


def test_features_of_models_that_went_out_of_service_are_forgotten() -> None:
    project = make_project()
    before = make_reward_model(project)
    model = live_model(project)
    (pair,) = queue_pairs(project, model, [(0.5, [1.0])])
    other = pair.responses.first()
    assert other is not None
    ResponseFeatures.objects.create(reward_model=before, response=other, vector=b"\0\0")
    ordering.follow(project)
    assert set(ResponseFeatures.objects.values_list("reward_model", flat=True)) == {model.pk}


def test_only_the_head_of_the_line_is_written_after_a_judgment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = make_project(random_share=0.0)
    model = live_model(project)
    rng = np.random.default_rng(0)
    gaps = [(float(g), [float(f)]) for g, f in rng.normal(size=(30, 2))]
    queue_pairs(project, model, gaps)
    monkeypatch.setattr(ordering, "PLACES", 5)
    ordering.rank_queue(project, model)
    judge_next(project, 1)
    before = dict(Comparison.objects.values_list("pk", "priority"))
    ordering.follow(project)
    after = dict(Comparison.objects.values_list("pk", "priority"))
    changed = {pk for pk in after if after[pk] != before[pk]}
    assert 0 < len(changed) <= 10
    head = [pk for pk in in_line(project) if after[pk] > ordering.HEAD]
    assert len(head) == 5
    assert in_line(project)[:5] == head


def test_trouble_in_one_project_does_not_hold_up_another(monkeypatch: pytest.MonkeyPatch) -> None:
    broken, sound = make_project(), make_project()
    done = []

    def follow(project: object) -> bool:
        if project == broken:
            raise RuntimeError("something nobody thought of")
        done.append(project)
        return True

    monkeypatch.setattr(ordering, "follow", follow)
    ordering.follow_all()
    assert done == [sound]
