"""The page of one model in its order, two versions compared, the playground, the download."""

import hashlib
import io
import json
import tarfile
from dataclasses import asdict

import pytest
from django.urls import reverse

from labeling.models import AuditEntry, Preference
from labeling.preferences.snapshots import take_snapshot
from modeling.measures.predictions import Prediction
from modeling.models import Foretold, Loop, RewardModel
from modeling.pages import chart_specs, versions
from modeling.pages.reward_models import report as model_report
from modeling.reward_models import service, serving
from modeling.reward_models.evaluating import evaluation_of
from modeling.reward_models.model_card import write_card
from tests.factories import claim_and_judge, make_comparisons, make_member, make_project
from tests.modeling.page_helpers import log_metrics, make_cast, make_reward_model, with_folder
from tests.modeling.pages.loop.test_pages_loop import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project(name="Teatime")


@pytest.fixture
def cast(project):
    return make_cast(project)


@pytest.fixture
def admin(client, cast):
    client.force_login(cast["admin"])
    return client


def predict(model: RewardModel, margins: list[float], first: int = 0) -> None:
    """What a finished training leaves: test comparisons with these margins, 60 to calibrate."""
    rows = [
        Prediction(f"{first + at}", "test", margin, 0.0, f"p{at}", strength=1 + at % 3, round=1,
                   arm="random", chosen_length=100 + at, rejected_length=90 + at * 2)
        for at, margin in enumerate(margins)
    ]  # fmt: skip
    rows += [
        Prediction(f"c{at}", "calibration", 1.0 if at % 4 else -1.0, 0.0, f"c{at}")
        for at in range(60)
    ]
    model.run.folder.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{json.dumps(asdict(row))}\n" for row in rows)
    (model.run.folder / "predictions.jsonl").write_text(text)
    model.results = model.results | {"evaluation": evaluation_of(model.run)}
    model.save()


def opened(parts) -> tarfile.TarFile:
    return tarfile.TarFile(fileobj=io.BytesIO(b"".join(parts)))


def test_the_page_answers_its_five_questions_in_order(admin, project):
    model = with_folder(make_reward_model(project))
    predict(model, [1.0, -0.5, 2.0, 1.5, -1.0, 0.5] * 8)
    shown = text_of(admin.get(reverse("reward-model", args=[model.pk])))
    questions = [
        "Is it good?", "Is it calibrated?", "Where does it fail?", "What was it made from?",
        "How do I use it?",
    ]  # fmt: skip
    assert [shown.count(question) for question in questions] == [1] * 5
    assert sorted(questions, key=shown.index) == questions
    assert "If the longer one always won" in shown
    assert "much better" in shown
    assert "fitted on 60 calibration comparisons" in shown
    assert "/api/v1/projects/" in shown


def test_a_model_with_nothing_held_out_says_so(admin, project):
    shown = text_of(admin.get(reverse("reward-model", args=[make_reward_model(project).pk])))
    assert "Not measured: nothing was held out when it was trained." in shown


def test_the_checks_of_the_gate_are_a_list(admin, project):
    model = make_reward_model(project)
    check = {"name": "Slices", "passed": False, "text": "It has become much worse for long ones."}
    model.results |= {"gate": {"passed": False, "reason": "x", "checks": [check]}}
    model.save()
    shown = text_of(admin.get(reverse("reward-model", args=[model.pk])))
    assert "failed Slices It has become much worse for long ones." in shown


def test_what_it_contradicts_links_to_the_preference_while_it_counts(admin, project):
    make_comparisons(project, 2)
    labeler = make_member(project)
    for _ in range(2):
        claim_and_judge(labeler, project)
    kept, excluded = Preference.objects.order_by("pk")
    model = make_reward_model(project)
    predict(model, [-3.0, -2.0], first=kept.pk)
    Preference.objects.filter(pk=excluded.pk).update(excluded=True, excluded_reason="wrong")
    assert [row.preference for row in model_report.contradicted_by(model)] == [kept]
    page = admin.get(reverse("reward-model", args=[model.pk]))
    assert reverse("preference", args=[project.slug, kept.pk]) in page.content.decode()


def test_the_reliability_diagram_has_bins_of_rising_claims(project):
    model = make_reward_model(project)
    predict(model, [0.02 * at for at in range(1, 151)])
    spec = model_report.reliability_chart(model.figures.evaluation)
    assert spec is not None
    claimed = spec["series"][1]["data"]
    assert len(claimed) == 15
    assert claimed == sorted(claimed)
    assert set(spec["series"][0]["data"]) == {100.0}
    margins = model_report.margin_chart(model.figures.evaluation)
    assert margins is not None
    assert (sum(margins["series"][0]["data"]), sum(margins["series"][1]["data"])) == (150, 0)


def test_bins_of_few_comparisons_are_drawn_together(project):
    model = make_reward_model(project)
    predict(model, [0.1 * at for at in range(1, 46)])
    spec = model_report.reliability_chart(model.figures.evaluation)
    assert spec is not None
    assert len(spec["labels"]) == 3  # 45 in 15 bins of 3: by fours, and the last 9 join the third
    predict(model, [1.0] * 9)
    assert model_report.reliability_chart(model.figures.evaluation) is None


def test_two_versions_are_compared_on_the_same_comparisons(admin, project):
    old, new = make_reward_model(project), make_reward_model(project)
    predict(old, [1.0] * 10 + [-1.0] * 10)
    predict(new, [1.0] * 15 + [-1.0] * 10)
    page = admin.get(reverse("reward-models-compare", args=[project.slug]))
    found = page.context["comparison"]
    assert (found.count, found.only_new, found.only_old, found.both_right, found.both_wrong) == (
        20, 5, 0, 10, 5,
    )  # fmt: skip
    assert found.difference["value"] == 0.25
    assert "If the longer one always won 52.5 %" in text_of(page), "10 of 20, and one as long"
    other = admin.get(reverse("reward-models-compare", args=[project.slug]) + "?new=1&old=2")
    assert other.context["comparison"].difference["value"] == -0.25
    assert "v1 against v2" in text_of(other)


def test_versions_without_a_common_comparison_cannot_be_compared(admin, project):
    make_reward_model(project)
    assert admin.get(reverse("reward-models-compare", args=[project.slug])).status_code == 404
    make_reward_model(project)
    page = admin.get(reverse("reward-models-compare", args=[project.slug]))
    assert "Nothing to compare them on" in text_of(page)


def test_a_model_is_rejected_by_admins_only_and_leaves_a_record(client, cast, project):
    model = make_reward_model(project)
    url = reverse("reward-model-reject", args=[model.pk])
    client.force_login(cast["curator"])
    assert client.post(url).status_code == 403
    client.force_login(cast["admin"])
    assert "is rejected" in text_of(client.post(url, follow=True))
    model.refresh_from_db()
    assert model.status == "rejected"
    assert AuditEntry.objects.get(project=project).action == "reward model rejected"


@pytest.mark.parametrize(
    ("typed", "kept"), [("2.5", 0.025), ("0", 0.0), ("-1", 0.01), ("x", 0.01), ("nan", 0.01)]
)
def test_the_gates_margin_is_set_in_points(admin, project, typed, kept):
    Loop.objects.create(project=project)
    admin.post(reverse("gate-margin", args=[project.slug]), {"margin": typed})
    assert Loop.objects.get(project=project).gate_margin == pytest.approx(kept)


def test_the_gates_margin_is_the_admins_to_set(client, cast, project):
    Loop.objects.create(project=project)
    client.force_login(cast["curator"])
    answer = client.post(reverse("gate-margin", args=[project.slug]), {"margin": "5"})
    assert answer.status_code == 403
    assert Loop.objects.get(project=project).gate_margin == 0.01


def test_the_download_is_a_tar_of_the_folder_with_its_card(admin, project):
    model = with_folder(make_reward_model(project))
    (model.path / "model.safetensors").write_bytes(b"w" * 700)
    write_card(model)
    answer = admin.get(reverse("reward-model-download", args=[model.pk]))
    archive = opened(answer)
    name = f"{project.slug}-reward-model-v1"
    assert sorted(archive.getnames()) == [
        f"{name}.sha256", f"{name}/README.md", f"{name}/config.json", f"{name}/model.safetensors",
    ]  # fmt: skip
    weights = archive.extractfile(f"{name}/model.safetensors")
    assert weights is not None
    assert weights.read() == b"w" * 700
    assert f'filename="{name}.tar"' in answer["Content-Disposition"]


def ensemble(model: RewardModel, members: int = 3) -> RewardModel:
    """Its further members' folders beside it, as a training leaves them."""
    names = ["model", *(f"members/{at}" for at in range(1, members))]
    model.results |= {"members": names, "config": {"members": members}}
    model.save()
    for path in model.member_paths:
        path.mkdir(parents=True, exist_ok=True)
        (path / "config.json").write_text("{}")
    return model


def test_the_download_of_an_ensemble_has_every_member(admin, project):
    model = ensemble(make_reward_model(project))
    name = f"{project.slug}-reward-model-v1"
    archive = opened(admin.get(reverse("reward-model-download", args=[model.pk])))
    assert archive.getnames() == [
        f"{name}/config.json", f"{name}/members/1/config.json", f"{name}/members/2/config.json",
        f"{name}.sha256",
    ]  # fmt: skip
    (model.path.parent / "members" / "2" / "config.json").unlink()
    gone = admin.get(reverse("reward-model-download", args=[model.pk]))
    assert gone.status_code == 404


def test_the_page_and_the_card_of_an_ensemble_load_every_member(admin, project):
    model = ensemble(make_reward_model(project))
    shown = text_of(admin.get(reverse("reward-model", args=[model.pk])))
    assert "Members 3 models" in shown
    assert "It is one of 3 members; the last lines read all of them." in shown
    write_card(model)
    card = (model.path / "README.md").read_text()
    assert "It is an ensemble of 3" in card
    assert "Scorer(['.', 'members/1', 'members/2'])" in card


def test_a_folder_that_is_not_plain_says_why_and_shows_our_loader_only(admin, project):
    model = with_folder(make_reward_model(project))
    reason = "The reward is read from the mean over the response's tokens."
    model.results |= {"export": {"plain": False, "reason": reason}, "config": {"pooling": "mean"}}
    model.save()
    shown = text_of(admin.get(reverse("reward-model", args=[model.pk])))
    assert "read from the mean over the response" in shown
    assert "from modeling.core.loading.scorer import Scorer" in shown
    assert "vllm serve" not in shown
    assert "AutoModelForSequenceClassification" not in shown
    write_card(model)
    card = (model.path / "README.md").read_text()
    assert reason in card
    assert "AutoModelForSequenceClassification" not in card


def test_the_page_shows_how_the_training_went(admin, project):
    model = make_reward_model(project)
    url = reverse("reward-model", args=[model.pk])
    assert "How did its training go?" not in text_of(admin.get(url)), "nothing was logged"
    log_metrics(model.run, "train/loss", [0.7, 0.5])
    page = admin.get(url)
    assert "How did its training go?" in text_of(page)
    assert page.context["loss_curve"]["series"][0]["data"] == [0.7, 0.5]


def test_the_card_is_read_without_a_download(admin, project):
    model = make_reward_model(project)
    url = reverse("reward-model-card", args=[model.pk])
    assert url in admin.get(reverse("reward-model", args=[model.pk])).content.decode()
    assert "# Reward model v1 of Teatime" in admin.get(url).content.decode()


def test_snapshot_and_predictions_are_downloads_of_page_and_run(admin, project):
    make_comparisons(project, 3)
    claim_and_judge(make_member(project), project)
    model = make_reward_model(project)
    model.snapshot = model.run.snapshot = take_snapshot(project)
    model.run.save()
    model.save()
    predict(model, [1.0, -1.0])
    urls = [reverse(name, args=[model.run_id]) for name in ("run-snapshot", "run-predictions")]
    for shown in (reverse("reward-model", args=[model.pk]), reverse("run", args=[model.run_id])):
        page = admin.get(shown).content.decode()
        assert all(f'href="{url}"' in page for url in urls)
    snapshot, predictions = (b"".join(admin.get(url).streaming_content) for url in urls)
    assert hashlib.sha256(snapshot).hexdigest() == model.snapshot.sha256
    assert predictions == (model.run.folder / "predictions.jsonl").read_bytes()


def test_what_is_gone_has_no_download_and_labelers_have_none(client, cast, admin, project):
    model = make_reward_model(project)
    names = ["run-snapshot", "run-predictions"]
    assert [admin.get(reverse(name, args=[model.run_id])).status_code for name in names] == [
        404
    ] * 2
    client.force_login(cast["labeler"])
    assert [client.get(reverse(name, args=[model.run_id])).status_code for name in names] == [
        403
    ] * 2
    assert client.get(reverse("reward-model-card", args=[model.pk])).status_code == 403


def test_the_learning_curve_is_drawn_by_size(admin, project):
    model = make_reward_model(project)
    figure = {"value": 0.7, "low": 0.65, "high": 0.75, "n": 90}
    points = [
        {"fraction": 1.0, "comparisons": 400, "accuracy": figure, "split": "test"},
        {"fraction": 0.25, "comparisons": 100, "accuracy": figure | {"value": 0.6}},
    ]
    assert chart_specs.learning_curve(points[:1]) is None
    spec = chart_specs.learning_curve(points)
    assert spec is not None
    assert (spec["labels"], spec["series"][0]["data"]) == ([100, 400], [60.0, 70.0])
    assert spec["series"][0]["band"] == [[65.0, 75.0], [65.0, 75.0]]
    model.results |= {"learning_curve": points}
    model.save()
    shown = text_of(admin.get(reverse("reward-model", args=[model.pk])))
    assert "Would more labels help?" in shown


def test_the_predecessor_in_the_shadow_is_a_line_beside_it(admin, project):
    old, new = make_reward_model(project, status="retired"), make_reward_model(project)
    Loop.objects.create(project=project, reward_model=old)
    service.make_live(with_folder(new), None)
    make_comparisons(project, 8)
    labeler = make_member(project)
    for _ in range(8):
        claim_and_judge(labeler, project)
    for at, row in enumerate(Preference.objects.order_by("pk")):
        said = {"preference": row, "margin": 1.0, "loss": 0.3}
        Foretold.objects.create(reward_model=new, point=1.0, **said)
        Foretold.objects.create(reward_model=old, point=float(at % 2), in_shadow=True, **said)
    pages = [text_of(admin.get(reverse("reward-model", args=[m.pk]))) for m in (old, new)]
    for shown in pages:
        assert "v2 in service, v1 in the shadow 100.0 % 50.0 % +50.0 [" in shown
        assert "8 no telling apart yet" in shown
    assert "in the shadow of its successor" in pages[0]
    assert "in the shadow of its successor" not in pages[1]


def test_the_card_tells_how_good_it_is_and_no_path_of_the_machine(project, tmp_path):
    model = with_folder(make_reward_model(project, base_model=str(tmp_path / "my-base")))
    predict(model, [1.0] * 30 + [-1.0] * 10)
    write_card(model)
    card = (model.path / "README.md").read_text()
    assert "| accuracy on the test split | 75.0% |" in card
    assert "sigmoid((reward of A - reward of B) / " in card
    assert "base_model: my-base" in card
    assert str(tmp_path) not in card


def test_an_old_version_is_itself_in_the_playground_and_in_a_comparison(
    admin, project, monkeypatch
):
    """The newest alone are offered in the lists: one that is asked for joins them."""
    monkeypatch.setattr(versions, "OFFERED", 2)
    for status in ("retired", "live", "candidate", "candidate"):
        make_reward_model(project, status=status)
    url = reverse("playground", args=[project.slug])
    tried = admin.get(f"{url}?version=1").context
    assert (tried["model"].version, [m.version for m in tried["versions"]]) == (1, [4, 3, 2, 1])
    assert admin.get(url).context["model"].version == 2, "in service, and older than the newest"
    assert admin.get(f"{url}?version=9").status_code == 404
    compare = reverse("reward-models-compare", args=[project.slug])
    page = admin.get(f"{compare}?new=3&old=1").context
    assert (page["new"].version, page["old"].version) == (3, 1)
    assert admin.get(f"{compare}?new=9&old=1").status_code == 404


def test_own_text_is_scored_in_the_playground(admin, project, monkeypatch):
    model = make_reward_model(project, status="live")
    asked = []

    def score(which, texts):
        asked.append((which, texts))
        return [
            serving.Scored(1.25, None, [1.25]),
            serving.Scored(2.0, 0.68, [2.0], truncated=True),
        ]

    monkeypatch.setattr(serving, "score", score)
    typed = {"prompt": "Why?", "first": "Because.", "second": "No idea.", "version": "1"}
    page = admin.post(reverse("playground", args=[project.slug]), typed)
    assert "Reward of A 1.250 Reward of B 2.000 Cut off: longer than it reads" in text_of(page)
    assert "People prefer B 68 %" in text_of(page)
    assert asked[0][0] == model
    assert [text.response for text in asked[0][1]] == ["Because.", "No idea."]
    assert b"No idea.</textarea>" in page.content


def test_the_playground_says_what_is_missing(admin, project, monkeypatch):
    url = reverse("playground", args=[project.slug])
    assert "No reward model yet" in text_of(admin.get(url))
    make_reward_model(project)
    assert admin.post(url, {"prompt": " ", "first": "x"}).status_code == 400

    def away(model, texts):
        raise serving.Unavailable("The scorer is not running.")

    monkeypatch.setattr(serving, "score", away)
    page = admin.post(url, {"prompt": "Why?", "first": "x"})
    assert page.status_code == 503
    assert "The scorer is not running." in text_of(page)


@pytest.mark.parametrize("name", ["playground", "reward-models-compare"])
def test_these_pages_are_for_curators_and_admins(client, cast, project, name):
    make_reward_model(project), make_reward_model(project)
    statuses = {}
    for who, user in cast.items():
        client.force_login(user)
        statuses[who] = client.get(reverse(name, args=[project.slug])).status_code
    assert statuses == {"admin": 200, "curator": 200, "labeler": 403, "outsider": 404}


def test_every_member_and_the_predecessor_are_asked_too(admin, project, monkeypatch):
    before, live = make_reward_model(project, status="retired"), make_reward_model(project)
    Loop.objects.create(project=project, reward_model=before)
    service.make_live(with_folder(live), None)
    members = {before.pk: [[1.0], [0.5]], live.pk: [[1.0, 3.0], [2.0, 6.0]]}

    def score(which, texts):
        return serving.combined(texts, members[which.pk], serving.Aggregation("wco"), 1.0)

    monkeypatch.setattr(serving, "score", score)
    typed = {"prompt": "Why?", "first": "Because.", "second": "No idea."}
    url = reverse("playground", args=[project.slug])
    shown = text_of(admin.post(url, typed))
    assert "Reward of A 1.000 mean 2.000, spread 1.000" in shown
    assert "Each of its 2 members" in shown
    assert "Reward model v1 before it, in its shadow Reward of A 1.000 Reward of B 0.500" in shown
    older = text_of(admin.post(url, typed | {"version": "1"}))
    assert "Reward model v2" not in older, "only the model in service has a shadow"


def test_a_predecessor_that_cannot_be_asked_is_a_remark(admin, project, monkeypatch):
    before, live = make_reward_model(project, status="retired"), make_reward_model(project)
    Loop.objects.create(project=project, reward_model=before)
    service.make_live(with_folder(live), None)

    def score(which, texts):
        if which == before:
            raise serving.CannotScore("Its folder is gone.")
        return [serving.Scored(1.25, None, [1.25])]

    monkeypatch.setattr(serving, "score", score)
    page = admin.post(reverse("playground", args=[project.slug]), {"prompt": "Q", "first": "x"})
    assert page.status_code == 200
    assert "v1, in its shadow, could not be asked: Its folder is gone." in text_of(page)
