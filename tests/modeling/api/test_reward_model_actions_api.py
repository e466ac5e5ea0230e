"""What is done with a reward model over HTTP: figures, promotion, rejection, card, download."""

import io
import tarfile
from typing import Any

import pytest

from labeling.models import AuditEntry, Project, Role
from modeling.api.reward_model_rows import RewardModelDetailSerializer, RewardModelSerializer
from modeling.models import RewardModel
from modeling.models.versions import loop_of
from tests.factories import make_project
from tests.modeling.api.api_clients import Asker, admin_of_another, asker
from tests.modeling.page_helpers import make_reward_model, with_folder

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project(slug="tea")


@pytest.fixture
def admin(project: Project) -> Asker:
    return asker(project, Role.ADMIN)


@pytest.fixture
def models(project: Project) -> list[RewardModel]:
    """Three versions; the second is in service."""
    made = [with_folder(make_reward_model(project)) for _ in range(3)]
    RewardModel.objects.filter(pk=made[1].pk).update(status="live")
    loop = loop_of(project)
    loop.reward_model = made[1]
    loop.save()
    return made


def live(project: Project) -> int:
    return RewardModel.objects.get(project=project, status="live").version


def test_the_rows_are_described_as_they_are(admin, models):
    assert admin.get("reward-models/").json()[0].keys() == RewardModelSerializer().fields.keys()
    detail = admin.get("reward-models/live/").json()
    assert detail.keys() == RewardModelDetailSerializer().fields.keys()
    assert (detail["version"], detail["is_here"]) == (2, True)


def test_all_figures_are_told_and_no_path(project, admin, settings):
    files = {"model/config.json": {"bytes": 2, "sha256": "ab"}}
    model = make_reward_model(project, files=files)
    model.results |= {
        "gate": {"passed": False, "reason": f"{settings.DATA_DIR}/runs/1 is gone.", "checks": []},
        "evaluation": {"split": "test", "contradicted": [{"id": "7", "margin": -2.0}]},
        "counts": {"test": 210},
    }
    model.save()
    detail = admin.get("reward-models/1/").json()
    assert detail["accuracy_by_split"]["test"]["n"] == 210
    assert detail["gate"] == {"passed": False, "reason": "runs/1 is gone.", "checks": []}
    assert detail["evaluation"]["contradicted"] == [{"id": "7", "margin": -2.0}]
    assert detail["results"]["counts"] == {"test": 210}
    assert detail["files"] == [{"name": "model/config.json", "size": 2, "sha256": "ab"}]


def test_a_longer_list_takes_no_more_statements(project, admin):
    make_reward_model(project)
    few = admin.statements("reward-models/")
    for _ in range(5):
        make_reward_model(project)
    assert admin.statements("reward-models/") == few


def test_a_version_is_promoted_and_the_one_before_put_back(project, admin, models):
    promoted = admin.send("reward-models/3/promote/", {"reason": "better", "instead_of": 2})
    assert (promoted.status_code, promoted.json()["status"], live(project)) == (200, "live", 3)
    assert admin.send("reward-models/2/promote/").status_code == 200, "a roll back"
    assert live(project) == 2
    entries = AuditEntry.objects.filter(action="reward model put in service")
    assert list(entries.order_by("pk").values_list("reason", flat=True)) == ["better", "by hand"]


def test_who_decided_on_an_old_page_changes_nothing(project, admin, models):
    admin.send("reward-models/3/promote/")
    refused = admin.send("reward-models/1/promote/", {"instead_of": 2})
    assert refused.status_code == 409
    assert "in the meantime" in refused.json()["detail"]
    assert live(project) == 3
    assert admin.send("reward-models/1/promote/", {"instead_of": 9}).status_code == 400
    assert admin.send("reward-models/1/promote/", {"instead_of": None}).status_code == 409


def test_a_model_whose_folder_is_gone_is_not_promoted(project, admin, models):
    (models[2].path / "config.json").unlink()
    refused = admin.send("reward-models/3/promote/")
    assert refused.status_code == 409
    assert "is gone" in refused.json()["detail"]
    assert live(project) == 2


def test_a_version_is_rejected_but_not_the_one_in_service(project, admin, models):
    assert admin.send("reward-models/1/reject/", {"reason": "old"}).json()["status"] == "rejected"
    assert admin.send("reward-models/1/reject/").status_code == 409
    assert admin.send("reward-models/live/reject/").status_code == 409
    assert AuditEntry.objects.get(action="reward model rejected").reason == "old"


def test_curators_look_and_download_and_admins_act(project, models):
    curator = asker(project, Role.CURATOR)
    for path in ("", "card/", "download/"):
        assert curator.get(f"reward-models/2/{path}").status_code == 200
    for path in ("promote/", "reject/"):
        assert curator.send(f"reward-models/1/{path}").status_code == 403
    labeler = asker(project, Role.LABELER)
    for path in ("", "card/", "download/"):
        assert labeler.get(f"reward-models/2/{path}").status_code == 403
    stranger = admin_of_another(project)
    assert stranger.get("reward-models/2/download/").status_code == 404
    assert stranger.send("reward-models/3/promote/").status_code == 404
    assert live(project) == 2


@pytest.mark.parametrize("version", ["9", "0", "x", "9" * 40, "LIVE", "-1"])
def test_a_version_that_is_none_is_not_there(admin, models, version):
    for path in ("", "card/", "download/"):
        assert admin.get(f"reward-models/{version}/{path}").status_code == 404
    assert admin.send(f"reward-models/{version}/promote/").status_code == 404


def test_the_card_is_markdown(admin, models):
    answer = admin.get("reward-models/2/card/")
    assert answer["Content-Type"].startswith("text/markdown")
    assert "# Reward model v2" in answer.content.decode()


def content_of(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def test_the_folder_comes_as_a_tar_that_says_its_size(admin, models):
    (models[0].path / "model.safetensors").write_bytes(b"w" * 70_000)
    answer = admin.get("reward-models/1/download/")
    content = content_of(answer)
    assert int(answer["Content-Length"]) == len(content)
    assert answer["Content-Disposition"] == 'attachment; filename="tea-reward-model-v1.tar"'
    with tarfile.open(fileobj=io.BytesIO(content)) as opened:
        assert opened.getnames() == [
            "tea-reward-model-v1/config.json",
            "tea-reward-model-v1/model.safetensors",
            "tea-reward-model-v1.sha256",
        ]


def test_a_folder_that_is_gone_or_was_changed_is_not_sent(project, admin, models):
    noted = {"model/config.json": {"bytes": 999, "sha256": "ab"}}
    RewardModel.objects.filter(pk=models[0].pk).update(files=noted)
    changed = admin.get("reward-models/1/download/")
    assert changed.status_code == 409
    assert "was changed" in changed.json()["detail"]
    (models[2].path / "config.json").unlink()
    assert admin.get("reward-models/3/download/").status_code == 409


def test_the_gates_margin_is_told_and_changed_by_admins(project, admin):
    assert admin.get("gate/").json() == {"margin": 1.0}
    assert admin.send("gate/", {"margin": 2.5}, "PUT").json() == {"margin": 2.5}
    assert AuditEntry.objects.filter(action="gate margin changed").count() == 1
    for wrong in ({"margin": 101}, {"margin": -1}, {}, {"margin": "much"}):
        assert admin.send("gate/", wrong, "PUT").status_code == 400
    assert asker(project, Role.CURATOR).send("gate/", {"margin": 3}, "PUT").status_code == 403
    assert admin.get("gate/").json() == {"margin": 2.5}
