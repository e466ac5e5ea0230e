"""Figures from what runs left behind, and two models on the same comparisons."""

import json
from typing import Any

import pytest

from labeling.models import Preference, Project
from modeling.measures.predictions import compare
from modeling.models import RewardModel, Run
from modeling.reward_models.evaluating import (
    agreement_on,
    evaluation_of,
    on_same_rows,
    pair_digest,
    unscored_by,
)
from tests.factories import claim_and_judge, make_comparisons, make_member, make_project
from tests.modeling.page_helpers import make_reward_model

pytestmark = pytest.mark.django_db


def leave(run: Run, rows: list[dict[str, Any]], texts: dict[str, tuple[str, str]]) -> None:
    """The files of a finished training."""
    run.folder.mkdir(parents=True, exist_ok=True)
    write(run, "predictions.jsonl", rows)
    preferences = [
        {"id": key, "prompt": [], "chosen": a, "rejected": b} for key, (a, b) in texts.items()
    ]
    write(run, "preferences.jsonl", preferences)


def write(run: Run, name: str, rows: list[dict[str, Any]]) -> None:
    (run.folder / name).parent.mkdir(parents=True, exist_ok=True)
    (run.folder / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def said(key: str, margin: float, split: str = "test") -> dict[str, Any]:
    return {"id": key, "split": split, "reward_chosen": margin, "reward_rejected": 0.0}


def two_models(project: Project) -> tuple[RewardModel, RewardModel]:
    old, new = make_reward_model(project), make_reward_model(project)
    leave(old.run, [said("1", 1), said("2", 1)], {"1": ("a", "b"), "2": ("c", "d")})
    texts = {"1": ("a", "b"), "2": ("d", "c"), "3": ("e", "f")}
    leave(new.run, [said("1", -1), said("2", 1), said("3", 1)], texts)
    return old, new


def test_a_preference_that_was_turned_round_is_another_one() -> None:
    old, new = two_models(make_project())
    assert [row["id"] for row in unscored_by(old, new.run)] == ["2", "3"]
    assert [(a.id, a.delta, b.delta) for a, b in on_same_rows(new, old)] == [("1", -1, 1)]
    assert pair_digest("a", "bc") != pair_digest("ab", "c")


def test_what_the_incumbent_scored_for_the_run_is_compared_too() -> None:
    old, new = two_models(make_project())
    new.run.config = {"incumbent": old.pk}
    told = {"2/chosen": -3.0, "2/rejected": 1.0, "3/chosen": 2.0, "3/rejected": 0.0}
    write(new.run, "score/scores.jsonl", [{"id": k, "reward": v} for k, v in told.items()])
    found = on_same_rows(new, old)
    assert [(b.id, b.delta) for _, b in found] == [("1", 1), ("2", -4), ("3", 2)]
    difference = compare(found)
    assert difference is not None
    assert (difference["value"], difference["n"]) == (0.0, 3)


def test_tags_and_policies_come_from_rows() -> None:
    project = make_project(overlap=2)
    make_comparisons(project, 4)
    labelers = [make_member(project), make_member(project)]
    for _ in range(4):
        for labeler in labelers:
            claim_and_judge(labeler, project)
    preferences = list(Preference.objects.filter(project=project, settled_at__isnull=False))
    for preference in preferences:
        preference.prompt.tags = ["maths"]
        preference.prompt.save()
    model = make_reward_model(project)
    leave(model.run, [said(str(row.pk), 1.0) for row in preferences], {})
    told = evaluation_of(model.run)
    assert [line["name"] for line in told["slices"]["tag"]] == ["maths"]
    assert [line["name"] for line in told["slices"]["policy"]] == ["no policy of ours"]


def test_agreement_is_that_of_pairs_of_judgments_of_what_was_held_out() -> None:
    """2 for and 1 against: 1 of 3 pairs agrees. 2 who agree: 1 of 1. One judgment has no pair, and
    what was learned from does not count: 2 of 4. The share on the winner's side would be 5/6."""
    project = make_project()
    make_comparisons(project, 4)
    labeler = make_member(project)
    for _ in range(4):
        claim_and_judge(labeler, project)
    keys = list(Preference.objects.order_by("pk").values_list("pk", flat=True))
    for key, votes in zip(keys, [(2, 1), (2, 0), (1, 0), (5, 0)], strict=True):
        Preference.objects.filter(pk=key).update(votes_chosen=votes[0], votes_rejected=votes[1])
    model = make_reward_model(project)
    splits = ["test", "test", "test", "train"]
    rows = [said(str(key), 1.0, split) for key, split in zip(keys, splits, strict=True)]
    leave(model.run, rows, {})
    assert evaluation_of(model.run)["agreement"] == {"value": 0.5, "n": 2}
    assert agreement_on([str(keys[0])]) == {"value": 1 / 3, "n": 1}


def test_the_most_contradicted_preferences_come_first() -> None:
    model = make_reward_model(make_project())
    rows = [said("1", -1), said("2", 2), said("3", -5, "train"), said("4", 0)]
    leave(model.run, rows, {})
    told = evaluation_of(model.run)["contradicted"]
    assert [(row["id"], row["margin"], row["split"]) for row in told] == [
        ("3", -5.0, "train"),
        ("1", -1.0, "test"),
    ]


def test_what_the_run_says_of_contradictions_is_taken_before_its_predictions() -> None:
    """Its predictions are those of members that learned from the train split; the file is not."""
    model = make_reward_model(make_project())
    leave(model.run, [said("1", -1), said("2", 2, "train")], {})
    doubts = [
        {"id": "2", "margin": -3.0, "split": "train", "probability_label_wrong": 0.95},
        {"id": "1", "margin": 0.5, "split": "test", "probability_label_wrong": 0.4},
    ]
    rows = [{"members": 3, "against": 2, "std": 0.1, "in_sample": False} | row for row in doubts]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (model.run.folder / "contradictions.jsonl").write_text(text)
    assert evaluation_of(model.run)["contradicted"] == [
        {
            "id": "2", "margin": -3.0, "split": "train", "in_sample": False, "strength": 0.95,
            "against": 2, "members": 3,
        }
    ]  # fmt: skip


def test_a_run_that_held_nothing_out_has_no_figures() -> None:
    model = make_reward_model(make_project())
    assert evaluation_of(model.run) == {}
    leave(model.run, [said("1", 1, "train")], {})
    assert evaluation_of(model.run) == {"contradicted": []}
