"""What a follower keeps goes with what it reads, also when features, models and judgments change
between two of its reads, and when many threads ask at once."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from labeling.models import Comparison, Project
from modeling.models import Loop, QueueOrder, ResponseFeatures, RewardModel, versions
from modeling.selection import features, learner, ordering
from modeling.selection.features import STORED
from modeling.selection.learner import Follower, Outdated
from modeling.selection.queue_arrays import load_queue
from tests.factories import make_project
from tests.modeling.at_once.test_races import at_once
from tests.modeling.page_helpers import make_reward_model
from tests.modeling.selection_helpers import in_line, judge_next, live_model, queue_pairs, tell

pytestmark = pytest.mark.django_db(transaction=True)

WIDE = [1.0, *[0.5] * 127]


@pytest.fixture(autouse=True)
def nothing_in_memory_and_busy_threads() -> Iterator[None]:
    ordering.forget()
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def project_with_features(count: int = 8) -> tuple[Project, RewardModel]:
    project = make_project(random_share=0.0)
    model = live_model(project)
    queue_pairs(project, model, [(0.1 * n, [float(n), *WIDE[1:]]) for n in range(count)])
    return project, model


def meanwhile(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, change: Callable[[], object]
) -> None:
    """Once, just before this function is called."""
    real, left = getattr(module, name), iter([change])

    def changed(*arguments: Any, **options: Any) -> Any:
        for act in left:
            act()
        return real(*arguments, **options)

    monkeypatch.setattr(module, name, changed)


def forget() -> None:
    ResponseFeatures.objects.all().delete()


def test_features_that_are_forgotten_between_two_judgments_break_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """“matmul … size 1 is different from 129” was said in a worker."""
    project, _ = project_with_features()
    judge_next(project, 1)
    ordering.follow(project)
    judge_next(project, 1)
    meanwhile(monkeypatch, learner, "opinions_of", forget)
    assert ordering.follow(project)
    assert QueueOrder.objects.get(project=project).learnt == 2
    assert ordering.follower_of(project).features == 0


def test_a_follower_says_that_it_is_outdated_and_has_learnt_nothing() -> None:
    project, model = project_with_features()
    known = Follower(model, load_queue(project, model))
    judge_next(project, 1)
    forget()
    with pytest.raises(Outdated, match="forgotten or stored anew"):
        known.catch_up()
    assert (known.seen, known.learnt) == ([], [])


@pytest.mark.parametrize("size", [0, 1, 4, 200])
def test_features_of_another_size_are_read_anew(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    project, model = project_with_features()
    judge_next(project, 1)
    ordering.follow(project)
    scored = list(model.scores.values_list("response", flat=True))

    def replace() -> None:
        forget()
        ResponseFeatures.objects.bulk_create(
            ResponseFeatures(
                reward_model=model, response_id=pk, vector=np.full(size, n, STORED).tobytes()
            )
            for n, pk in enumerate(scored)
        )

    judge_next(project, 1)
    meanwhile(monkeypatch, learner, "opinions_of", replace)
    assert ordering.follow(project)
    assert ordering.follower_of(project).features == size


def test_one_vector_of_another_size_counts_as_none() -> None:
    """A row that was damaged, or written by a newer version of the model's folder."""
    project, model = project_with_features()
    row = ResponseFeatures.objects.filter(reward_model=model).latest("pk")
    ResponseFeatures.objects.filter(pk=row.pk).update(vector=b"\0\0\0")
    judge_next(project, 2)
    assert ordering.follow(project)
    assert ordering.follower_of(project).features == len(WIDE)


def test_a_model_that_goes_into_service_between_two_reads_is_the_one_that_ranks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project, old = project_with_features()
    new = make_reward_model(project)
    for comparison in Comparison.objects.all():
        for response in comparison.responses.all():
            tell(new, response, 1.0 if response.text == "Bad." else 0.0, [])
    judge_next(project, 1)

    def promote() -> None:
        Loop.objects.filter(project=project).update(reward_model=new)

    meanwhile(monkeypatch, ordering, "load_queue", promote)
    assert ordering.follow(project)
    assert QueueOrder.objects.get(project=project).reward_model == new
    assert ordering.follower_of(project).model == new
    assert old != new


def test_a_worker_with_an_old_view_forgets_nothing_of_the_model_in_service() -> None:
    project, live = project_with_features()
    old = make_reward_model(project)
    kept = ResponseFeatures.objects.filter(reward_model=live).count()
    features.forget_features(project, but=old)
    assert ResponseFeatures.objects.filter(reward_model=live).count() == kept > 0


def test_a_follower_that_failed_halfway_is_not_met_again(monkeypatch: pytest.MonkeyPatch) -> None:
    project, _ = project_with_features()
    ordering.follow(project)
    judge_next(project, 2)
    with monkeypatch.context() as patch:
        patch.setattr(learner, "guess_of", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ordering.follow(project)
    assert ordering.follow(project)
    assert QueueOrder.objects.get(project=project).learnt == 2


def test_many_threads_that_follow_at_once_leave_the_line_that_one_would() -> None:
    """Judgments come in, features are forgotten and stored anew, all the while."""
    project, model = project_with_features(12)
    rows = list(ResponseFeatures.objects.values_list("response_id", "vector"))

    def follow_often() -> None:
        for _ in range(6):
            ordering.follow(Project.objects.get(pk=project.pk))

    def store_anew() -> None:
        for _ in range(6):
            forget()
            ResponseFeatures.objects.bulk_create(
                (ResponseFeatures(reward_model=model, response_id=pk, vector=v) for pk, v in rows),
                ignore_conflicts=True,
            )

    at_once(*[follow_often] * 4, store_anew, lambda: judge_next(project, 4))
    ordering.forget()
    ordering.follow(project)
    alone = in_line(project)
    ordering.look_again()
    ordering.follow(project)
    assert in_line(project) == alone
    assert QueueOrder.objects.get(project=project).learnt == 4
    assert versions.loop_of(project).reward_model == model
