"""What the ensemble contradicts: found in the predictions, raised when the model goes live."""

import json
from dataclasses import asdict

import pytest

from labeling.models import Doubt, Preference
from modeling.measures.predictions import Prediction
from modeling.models import Loop
from modeling.pages.reward_models.report import contradicted_by
from modeling.reward_models import service
from modeling.reward_models.evaluating import contradicted, evaluation_of
from tests.factories import claim_and_judge, make_comparisons, make_member, make_project
from tests.modeling.page_helpers import make_reward_model, with_folder

pytestmark = pytest.mark.django_db


def predict(key, margin, split="train", **more):
    return Prediction(str(key), split, margin, 0.0, f"p{key}", **more)


def test_the_strongest_contradiction_comes_first_with_its_probability() -> None:
    """Margins of -2 and -1 at temperature 2: sigmoid(1) = 0.7311, sigmoid(1/2) = 0.6225. A row
    whose target says that the second one won is contradicted by a positive margin."""
    rows = [predict(1, -1.0), predict(2, 3.0), predict(3, -2.0), predict(4, 1.5, target=0.2)]
    found = contradicted(rows, temperature=2.0)
    assert [(row["id"], row["strength"]) for row in found] == [
        ("3", 0.7311), ("4", 0.6792), ("1", 0.6225),
    ]  # fmt: skip


def test_members_that_contradict_are_counted() -> None:
    row = predict(1, -1.0, members_chosen=[0.0, 1.0, -4.0], members_rejected=[1.0, 0.5, 0.0])
    (found,) = contradicted([row], 1.0)
    assert (found["against"], found["members"]) == (2, 3)


@pytest.fixture
def project():
    project = make_project(gold_share=0.0)
    make_comparisons(project, 12)
    labeler = make_member(project)
    for _ in range(12):
        claim_and_judge(labeler, project)
    return project


def trained(project, margins):
    """A model whose training left these margins for the preferences in their order."""
    model = make_reward_model(project)
    model.snapshot.count = len(margins) * 10
    model.snapshot.save()
    rows = [
        predict(pk, margin, members_chosen=[margin] * 3, members_rejected=[0.0] * 3)
        for pk, margin in zip(
            Preference.objects.order_by("pk").values_list("pk", flat=True), margins, strict=True
        )
    ]
    model.run.folder.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{json.dumps(asdict(row))}\n" for row in rows)
    (model.run.folder / "predictions.jsonl").write_text(text)
    model.results = model.results | {"evaluation": evaluation_of(model.run)}
    model.save()
    return model


def test_going_into_service_raises_them_and_the_next_model_replaces_them(project) -> None:
    Loop.objects.create(project=project)
    keys = list(Preference.objects.order_by("pk").values_list("pk", flat=True))
    first = trained(project, [-3.0, -0.1, -2.0, *[1.0] * 9])
    assert not Doubt.objects.exists(), "a candidate's opinion is nobody's question yet"
    service.make_live(with_folder(first), None)
    doubts = Doubt.objects.order_by("-strength")
    assert [row.preference_id for row in doubts] == [keys[0], keys[2]], "the second is unsure"
    assert (doubts[0].against, doubts[0].members, doubts[0].was_trained_on) == (3, 3, True)
    service.make_live(with_folder(trained(project, [*[1.0] * 11, -3.0])), None)
    assert [row.preference_id for row in Doubt.objects.all()] == [keys[11]]


def test_members_that_never_saw_a_train_preference_have_not_learned_from_it(project) -> None:
    Loop.objects.create(project=project)
    model = trained(project, [-3.0, -2.0, *[1.0] * 10])
    keys = list(Preference.objects.order_by("pk").values_list("pk", flat=True))[:2]
    lines = [
        {"id": str(pk), "split": "train", "margin": -3.0, "std": 0.1, "members": 3, "against": 3,
         "in_sample": in_sample, "probability_label_wrong": 0.9}
        for pk, in_sample in zip(keys, (False, True), strict=True)
    ]  # fmt: skip
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    (model.run.folder / "contradictions.jsonl").write_text(text)
    model.results |= {"evaluation": evaluation_of(model.run)}
    model.save()
    service.make_live(with_folder(model), None)
    told = dict(Doubt.objects.values_list("preference_id", "was_trained_on"))
    shown = {row.preference.pk: row.was_trained_on for row in contradicted_by(model)}
    assert told == shown == {keys[0]: False, keys[1]: True}


def test_no_more_are_raised_than_a_tenth_of_the_preferences(project) -> None:
    Loop.objects.create(project=project)
    model = trained(project, [-3.0] * 12)
    model.snapshot.count = 40
    service.make_live(with_folder(model), None)
    assert Doubt.objects.count() == 4
