"""The admin lists every table, in a fixed number of statements, and cannot rewrite the record."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from labeling.admin.people import SetAnyPasswordForm
from labeling.curation.decisions import exclude
from labeling.models import (
    ApiToken,
    Assignment,
    AuditEntry,
    ChangeCounter,
    Comment,
    Doubt,
    Export,
    FormerMember,
    Gold,
    Import,
    Judgment,
    KeyedRequest,
    Membership,
    OverlapChange,
    Preference,
    Project,
    Prompt,
    Role,
    Scope,
    Snapshot,
    SnapshotTaking,
    User,
)
from labeling.people.invitations import create_invitation
from labeling.people.signing_in.tokens import make_token
from labeling.projects.webhooks import create_webhook, send_test
from modeling.models import (
    ArmLift,
    BlindPair,
    EarlyPair,
    Foretold,
    InstantGuess,
    Loop,
    Metric,
    Policy,
    QueueOrder,
    ResponseFeatures,
    RewardModel,
    Round,
    Run,
    Score,
)
from tests.factories import (
    claim_and_judge,
    make_comparisons,
    make_member,
    make_project,
    make_prompt,
    make_user,
)

MODELS = [
    *apps.get_app_config("labeling").get_models(),
    *apps.get_app_config("modeling").get_models(),
]
OURS = [model for model in MODELS if not model._meta.auto_created]


def fill(project: Project, number: int) -> None:
    """One row more in every table."""
    make_comparisons(project, 1)
    labeler = make_member(project)
    claim_and_judge(labeler, project, "left")
    preference = Preference.objects.filter(project=project).latest("id")
    exclude(project, labeler, [preference.pk], "Duplicate")
    Doubt.objects.create(
        preference=preference, chosen=preference.chosen, strength=0.9, model_version=number
    )
    Gold.objects.create(
        project=project, comparison_id=preference.comparison_id, expected=[], origin="unanimous"
    )
    ChangeCounter.objects.update_or_create(project=project, of="preference")
    stored = Import.objects.create(project=project, name=f"{number}", touched_at=timezone.now())
    stored.chunks.create(number=1, rows=b"[]")
    stored.again.create(kind="prompt", row_id=number)
    Export.objects.create(project=project, file_name=f"{number}.jsonl")
    OverlapChange.objects.create(project=project, old=1, new=2, up_to=number)
    FormerMember.objects.create(project=project, user=labeler, reliability=0.5)
    create_invitation(project, labeler, Role.LABELER, f"number {number}")
    token, _key = make_token(labeler, f"number {number}", [Scope.READ])
    Comment.objects.create(
        project=project, comparison_id=preference.comparison_id, author=labeler, text=f"{number}"
    )
    KeyedRequest.objects.create(user=labeler, token=token, key=f"{number}", fingerprint="0" * 64)
    told = {"address": "https://1.1.1.1/", "events": ["round.finished"]}
    send_test(create_webhook(project, labeler, told).webhook, labeler)
    policy = Policy.objects.create(project=project, version=number, name="p", location="x")
    snapshot = Snapshot.objects.create(project=project, sha256=f"{number:064}", count=1)
    snapshot.files.create(name=f"{number}.jsonl", sha256=f"{number:064}", size=1, rows=1)
    snapshot.pushes.create(repo_id=f"a/{number}", touched_at=timezone.now())
    SnapshotTaking.objects.create(
        project=project, name=f"{number}", up_to=1, total=1, touched_at=timezone.now()
    )
    run = Run.objects.create(
        project=project,
        kind="train_reward",
        state="succeeded",
        input_digest=str(number),
        snapshot=snapshot,
        policy=policy,
        round=Round.objects.create(
            project=project, number=number, state="finished", started_at=timezone.now()
        ),
    )
    assert run.round is not None
    BlindPair.objects.create(
        round=run.round,
        comparison_id=preference.comparison_id,
        candidate_response=preference.chosen,
        current_response=preference.rejected,
    )
    EarlyPair.objects.create(
        run=run, comparison_id=preference.comparison_id, prompt_id=preference.prompt_id
    )
    Metric.objects.create(run=run, name="loss", step=1, value=0.5, logged_at=timezone.now())
    model = RewardModel.objects.create(
        project=project, version=number, run=run, snapshot=snapshot, base_model="b", folder="f"
    )
    Score.objects.create(response=preference.chosen, reward_model=model, value=1.0)
    Foretold.objects.create(
        preference=preference, reward_model=model, margin=0.3, point=1.0, loss=0.55
    )
    ResponseFeatures.objects.create(response=preference.chosen, reward_model=model, vector=b"\0\0")
    InstantGuess.objects.create(
        preference=preference, reward_model=model, probability=0.6, point=1.0, loss=0.5,
        model_point=1.0, model_loss=0.6,
    )  # fmt: skip
    ArmLift.objects.create(
        reward_model=model, strategy="uncertainty", judgments=20, trained_on=8, tested_on=10,
        accuracy=0.02, accuracy_low=-0.1, accuracy_high=0.1, loss=0.01,
    )  # fmt: skip
    QueueOrder.objects.update_or_create(project=project, defaults={"strategy": "uncertainty"})
    Loop.objects.update_or_create(project=project, defaults={"policy": policy})


@pytest.fixture
def project(db: Any) -> Project:
    project = make_project(gold_share=0.0)  # each labeler here does work that settles
    for number in range(1, 4):
        fill(project, number)
    return project


@pytest.fixture
def root(db: Any, client: Client) -> Client:
    client.force_login(make_user("root", is_superuser=True, is_staff=True))
    return client


def list_url(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def test_every_table_is_registered() -> None:
    assert [model.__name__ for model in OURS if not admin.site.is_registered(model)] == []


def statements_of_lists(root: Client) -> dict[str, int]:
    """SQL statements of each table's list."""
    counts = {}
    for model in OURS:
        with CaptureQueriesContext(connection) as queries:
            assert root.get(list_url(model)).status_code == 200, model.__name__
        counts[model.__name__] = len(queries)
    return counts


def test_lists_cost_the_same_for_more_rows(root: Client, project: Project) -> None:
    root.get(list_url(Project))  # content types are cached after the first request
    few = statements_of_lists(root)
    for number in range(4, 9):
        fill(project, number)
    assert statements_of_lists(root) == few


def test_every_list_can_be_searched(root: Client, project: Project) -> None:
    for model in OURS:
        for text in ("what", "7", "“ü”"):
            answer = root.get(list_url(model), {"q": text})
            assert answer.status_code == 200, (model.__name__, text)


def test_every_row_opens(root: Client, project: Project) -> None:
    for model in OURS:
        row = model._default_manager.first()
        assert row is not None, model.__name__
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
        assert root.get(reverse(name, args=[row.pk])).status_code == 200, model.__name__


@pytest.mark.parametrize(
    "model", [AuditEntry, Judgment, Assignment, Preference, Snapshot, Run, Metric, RewardModel]
)
def test_what_is_on_record_cannot_be_added_changed_or_deleted(
    model: type[Model], root: Client, project: Project
) -> None:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    row = model._default_manager.first()
    assert row is not None
    before = model._default_manager.count()
    assert root.post(reverse(f"{name}_add"), {}).status_code == 403
    assert root.post(reverse(f"{name}_change", args=[row.pk]), {}).status_code == 403
    assert root.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    bulk = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    root.post(list_url(model), bulk)
    assert model._default_manager.count() == before


def test_a_prompt_is_found_by_its_text(root: Client, project: Project) -> None:
    prompt = make_prompt(project, "Where do lemmings live?")
    page = root.get(list_url(Prompt), {"q": "lemmings"})
    assert list(page.context["cl"].queryset) == [prompt]


def test_project_members_without_staff_rights_stay_out(client: Client, project: Project) -> None:
    client.force_login(make_member(project, Role.ADMIN, "owner"))
    assert client.get(list_url(Judgment)).status_code == 302


def test_a_form_of_the_admin_writes_only_what_was_changed_in_it(
    client: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody pauses the member, and closes the account, while the form is being saved."""
    client.force_login(make_user("root", is_superuser=True, is_staff=True))
    labeler = make_member(project, name="noor")
    membership = Membership.objects.get(user=labeler)
    full_clean = Membership.full_clean

    def meanwhile(self: Membership, *args: Any, **kwargs: Any) -> None:
        full_clean(self, *args, **kwargs)
        Membership.objects.filter(pk=self.pk).update(is_paused=True, reliability=0.5)

    monkeypatch.setattr(Membership, "full_clean", meanwhile)
    url = reverse("admin:labeling_membership_change", args=[membership.pk])
    form = client.get(url).context["adminform"].form
    data = {name: form[name].value() or "" for name in form.fields} | {"role": "curator"}
    data = {name: value for name, value in data.items() if value is not False}
    assert client.post(url, data).status_code == 302
    membership.refresh_from_db()
    assert (membership.role, membership.is_paused, membership.reliability) == ("curator", True, 0.5)


@pytest.mark.django_db
def test_a_password_set_in_the_admin_opens_no_closed_account(client: Client) -> None:
    client.force_login(make_user("root", is_superuser=True, is_staff=True))
    noor = make_user("noor")
    form = SetAnyPasswordForm(
        noor, {"password1": "a-long-secret-7", "password2": "a-long-secret-7"}
    )
    assert form.is_valid()
    User.objects.filter(pk=noor.pk).update(is_active=False)
    form.save()
    stored = User.objects.get(pk=noor.pk)
    assert stored.check_password("a-long-secret-7") and not stored.is_active


def test_no_part_of_a_token_can_be_read_but_its_prefix(root: Client, project: Project) -> None:
    token, key = make_token(make_user("ada"), "export", [Scope.READ])
    pages = (list_url(ApiToken), reverse("admin:labeling_apitoken_change", args=[token.pk]))
    for page in pages:
        html = root.get(page).content.decode()
        assert token.prefix in html
        assert key not in html and token.digest not in html


def test_a_token_can_be_revoked(root: Client, project: Project) -> None:
    token, _key = make_token(make_user("ada"), "export", [Scope.READ])
    root.post(reverse("admin:labeling_apitoken_delete", args=[token.pk]), {"post": "yes"})
    assert not ApiToken.objects.filter(pk=token.pk).exists()


@pytest.mark.parametrize("kind", ["project", "prompt", "response", "comparison", "user"])
def test_what_people_have_judged_is_not_deleted_from_under_their_judgments(
    kind: str, root: Client
) -> None:
    project = make_project()
    (comparison,) = make_comparisons(project, 1)
    labeler = make_member(project)
    claim_and_judge(labeler, project)
    rows = {
        "project": project,
        "prompt": comparison.prompt,
        "response": comparison.responses.first(),
        "comparison": comparison,
        "user": labeler,
    }
    row = rows[kind]
    assert row is not None
    address = reverse(f"admin:labeling_{kind}_delete", args=[row.pk])
    assert root.post(address, {"post": "yes"}).status_code == 403
    row.refresh_from_db()
    assert Judgment.objects.filter(labeler=labeler).exists()
