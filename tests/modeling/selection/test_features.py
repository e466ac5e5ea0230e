"""Features and rewards that are missing, of another size or no numbers cost their own row alone."""

import json
from pathlib import Path

import numpy as np
import pytest

from labeling.models import Project, Response
from modeling.models import ResponseFeatures, RewardModel, Score
from modeling.selection import queue_arrays
from modeling.selection.features import space_of, store_features, vectors_of
from modeling.selection.learner import Follower
from modeling.selection.queue_arrays import load_queue, opinions_of
from tests.factories import make_comparison, make_project, make_prompt, make_response
from tests.modeling.selection_helpers import live_model, tell

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def model(project: Project) -> RewardModel:
    return live_model(project)


def responses(project: Project, count: int) -> list[Response]:
    prompt = make_prompt(project)
    return [make_response(prompt, f"Response {number}") for number in range(count)]


def leave(folder: Path, ids: list[int], vectors: np.ndarray | None) -> Path:
    """What the program `score` leaves."""
    rows = "".join(json.dumps({"id": str(pk), "reward": 0.0}) + "\n" for pk in ids)
    (folder / "scores.jsonl").write_text(rows)
    if vectors is not None:
        np.save(folder / "features.npy", vectors)
    return folder


def test_a_model_without_features_leaves_none(
    project: Project, model: RewardModel, tmp_path: Path
) -> None:
    ids = [response.pk for response in responses(project, 2)]
    assert store_features(model.pk, leave(tmp_path, ids, None)) == 0
    assert space_of(model).features == 0


def test_features_are_stored_once_and_numbers_that_are_none_become_numbers(
    project: Project, model: RewardModel, tmp_path: Path
) -> None:
    ids = [response.pk for response in responses(project, 2)]
    folder = leave(tmp_path, ids, np.array([[1.0, np.nan], [np.inf, 2.0]], dtype=np.float16))
    for _ in range(2):
        assert store_features(model.pk, folder) == 2
    assert ResponseFeatures.objects.count() == 2
    vectors = vectors_of(model, ids, 2)
    assert vectors[ids[0]].tolist() == [1.0, 0.0]
    assert vectors[ids[1]].tolist() == [np.finfo(np.float16).max, 2.0]


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_features_that_are_not_those_of_the_scores_are_refused(
    project: Project, model: RewardModel, tmp_path: Path, rows: int
) -> None:
    """One row more or less, and every vector might be another response's."""
    ids = [response.pk for response in responses(project, 2)]
    with pytest.raises(ValueError, match="zip"):
        store_features(model.pk, leave(tmp_path, ids, np.zeros((rows, 4), dtype=np.float32)))


def test_a_response_that_has_no_vector_is_left_out(project: Project, model: RewardModel) -> None:
    with_one, without = responses(project, 2)
    tell(model, with_one, 0.5, [1.0, 2.0])
    assert set(vectors_of(model, [with_one.pk, without.pk], 2)) == {with_one.pk}
    assert vectors_of(model, [with_one.pk], 3) == {}, "of another size"
    assert vectors_of(model, [with_one.pk], 0) == {}, "of a model without features"
    assert vectors_of(model, [], 2) == {}


def test_a_comparison_with_a_response_that_was_not_scored_has_no_place_in_the_order(
    project: Project, model: RewardModel
) -> None:
    whole, half = make_comparison(project), make_comparison(project)
    for response in whole.responses.all():
        tell(model, response, 0.5, [])
    tell(model, half.responses.first(), 0.5, [])  # type: ignore[arg-type]
    queue = load_queue(project, model)
    assert queue.ids.tolist() == [whole.pk]
    assert queue.x.shape == (1, 1)


@pytest.mark.parametrize("most", [0, 1, 2, 5])
def test_no_more_comparisons_are_put_in_order_than_were_scored(
    project: Project, model: RewardModel, most: int
) -> None:
    for _ in range(3):
        for response in make_comparison(project).responses.all():
            tell(model, response, 0.5, [])
    assert len(load_queue(project, model, most).ids) == min(most, 3)


def test_an_empty_queue_is_no_trouble(project: Project, model: RewardModel) -> None:
    queue = load_queue(project, model)
    assert (queue.ids.tolist(), queue.x.shape) == ([], (0, 1))
    assert queue.mean(np.empty(0)).tolist() == []
    assert queue.vectors().shape == (0, 0)
    follower = Follower(model)
    assert follower.catch_up() == 0
    assert len(follower.beliefs().mean) == 0


def test_rewards_are_over_the_temperature_and_features_in_their_unit(
    project: Project, model: RewardModel
) -> None:
    first, second = responses(project, 2)
    tell(model, first, 2.0, [3.0, 4.0])
    tell(model, second, 0.5, [0.0, 0.0])
    model.results = model.results | {"evaluation": {"calibration": {"temperature": 0.5}}}
    model.save()
    opinions = opinions_of(model, {first.pk, second.pk}, space_of(model))
    (x,) = opinions.inputs([first.pk], [second.pk])
    assert x[0] == pytest.approx(3.0)
    assert x[1] / x[2] == pytest.approx(3.0 / 4.0)
    (turned,) = opinions.inputs([second.pk], [first.pk])
    assert turned.tolist() == pytest.approx((-x).tolist())


def test_members_that_part_are_told_apart_from_one_alone(
    project: Project, model: RewardModel
) -> None:
    first, second, alone = responses(project, 3)
    for response, members in ((first, [1.0, 3.0]), (second, [0.0, 0.0]), (alone, [])):
        Score.objects.create(response=response, reward_model=model, value=1.0, members=members)
    opinions = opinions_of(model, {first.pk, second.pk, alone.pk}, space_of(model))
    spread = opinions.spread([first.pk, alone.pk], [second.pk, alone.pk])
    assert spread[0] == pytest.approx(1.0 / opinions.temperature**2)
    assert spread[1] == 0.0


def test_many_comparisons_are_read_in_parts(
    project: Project, model: RewardModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_arrays, "BATCH", 2)
    comparisons = [make_comparison(project) for _ in range(5)]
    by_comparison = queue_arrays.responses_of([comparison.pk for comparison in comparisons])
    assert len(by_comparison) == 5
    assert all(len(ids) == 2 and ids == sorted(ids) for ids in by_comparison.values())
