"""Pushing to the hub by its own client: all of it is there or it is not called done, the token is
nowhere to be read, and nothing of others is overwritten."""

import io
import json
import logging
from datetime import timedelta
from typing import Any

import pyarrow.parquet
import pytest
import yaml
from django.db import connection
from django.utils import timezone

from labeling import tasks
from labeling.models import AuditEntry, Preference, Project, Role, Snapshot, SnapshotPush, User
from labeling.preferences.snapshots import take_snapshot
from labeling.snapshots import hub as hub_client
from labeling.snapshots import pushing
from labeling.snapshots.keeping import why_not_delete
from labeling.snapshots.pushing import push_to_hub
from labeling.snapshots.reading import rows_path
from labeling.snapshots.sealing import SealBroken, seal, unseal
from labeling.snapshots.taking import SnapshotRefused
from tests.factories import claim_and_judge, make_comparisons, make_member, make_project
from tests.labeling.snapshots.fake_hub import TOKEN, FakeHub, Repository
from tests.labeling.snapshots.test_taking import take

pytestmark = [
    pytest.mark.django_db,
    # The hub's client to its own library.
    pytest.mark.filterwarnings("ignore:Use 'content:DeprecationWarning"),
]
REPO = "team/tea-preferences"


@pytest.fixture
def project() -> Project:
    project = make_project(name="Tea")
    make_comparisons(project, 4)
    labeler = make_member(project, name=f"ada-{project.slug}")
    for choice in ("left", "tie", "right", "left"):
        claim_and_judge(labeler, project, choice)
    return project


@pytest.fixture
def admin(project: Project) -> User:
    return make_member(project, Role.ADMIN)


@pytest.fixture
def snapshot(project: Project, admin: User) -> Snapshot:
    return take(
        project,
        admin,
        "Spring",
    )


def push(snapshot: Snapshot, actor: User, **options: Any) -> SnapshotPush:
    """Asks for the push and does the worker's part of it, once."""
    options.setdefault("token", TOKEN)
    asked = push_to_hub(snapshot, actor, options.pop("repo_id", REPO), **options)
    tasks.push_snapshots()
    asked.refresh_from_db()
    return asked


def try_again(asked: SnapshotPush) -> None:
    SnapshotPush.objects.update(touched_at=timezone.now() - timedelta(minutes=1))
    tasks.finish_changes()
    asked.refresh_from_db()


def header_of(readme: bytes) -> dict[str, Any]:
    return yaml.safe_load(readme.decode().split("---\n")[1])


def test_the_hub_has_card_rows_and_judgments_in_one_commit(hub: FakeHub, snapshot, admin):
    pushed = push(snapshot, admin)
    repository = hub.repositories[REPO]
    assert (pushed.state, pushed.problem) == ("done", "")
    assert (pushed.commit, pushed.url) == (repository.sha, f"{hub.url}/datasets/{REPO}")
    assert repository.private and len(repository.commits) == 1
    names = set(repository.files)
    assert {"README.md", "judgments.jsonl", "preferable.json", ".gitattributes"} <= names
    rows = [
        row
        for name, content in repository.files.items()
        if name.startswith("preferences/")
        for row in pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist()
    ]
    decided = Preference.objects.filter(kind="prefer").values_list("id", flat=True)
    assert {row["id"] for row in rows} == set(decided)


def test_the_card_names_every_file_of_rows_by_its_split(hub: FakeHub, snapshot, admin):
    push(snapshot, admin)
    files = hub.repositories[REPO].files
    header = header_of(files["README.md"])
    named = {
        part["path"].partition("*")[0]: part["split"]
        for config in header["configs"]
        for part in config["data_files"]
    }
    data = [name for name in files if name.startswith(("preferences/", "undecided/"))]
    assert data
    for name in data:
        assert named[name.partition("-")[0] + "-"] in name
    assert [config["config_name"] for config in header["configs"] if config.get("default")] == [
        "preferences"
    ]


def test_no_name_of_a_person_leaves(hub: FakeHub, snapshot, admin, project):
    push(snapshot, admin)
    for name, content in hub.repositories[REPO].files.items():
        assert b"ada-" not in content and admin.username.encode() not in content, name


def test_rows_that_are_more_than_columns_leave_as_json_lines(hub: FakeHub, project, admin):
    Preference.objects.earliest("id").chosen.__class__.objects.filter(
        pk=Preference.objects.filter(kind="prefer").earliest("id").chosen_id
    ).update(extra={"reasoning_content": "Hm."})
    push(take(project, admin), admin)
    files = hub.repositories[REPO].files
    names = [name for name in files if name.startswith("preferences/")]
    assert names and all(name.endswith(".jsonl") for name in names)
    text = b"".join(files[name] for name in names).decode()
    assert "Hm." in text and ".jsonl" in str(header_of(files["README.md"])["configs"])


def test_pushing_again_makes_no_second_commit(hub: FakeHub, snapshot, admin):
    first, second = push(snapshot, admin), push(snapshot, admin)
    assert (second.state, second.commit) == ("done", first.commit)
    assert len(hub.repositories[REPO].commits) == 1


def test_another_snapshot_takes_the_place_of_the_first(hub: FakeHub, snapshot, admin, project):
    push(snapshot, admin)
    assert any(name.startswith("undecided/") for name in hub.repositories[REPO].files)
    hub.repositories[REPO].files["eval.yaml"] = b"name: Tea"
    assert push(take(project, admin, "Sure", kind="prefer"), admin).state == "done"
    assert hub.repositories[REPO].files["eval.yaml"] == b"name: Tea", "what others added stays"
    files = hub.repositories[REPO].files
    assert not any(name.startswith("undecided/") for name in files)
    assert json.loads(files["preferable.json"])["name"] == "Sure"


def test_a_trainings_snapshot_can_be_pushed_too(hub: FakeHub, project, admin):
    pushed = push(take_snapshot(project), admin)
    assert (pushed.state, pushed.problem) == ("done", "")
    assert "judgments.jsonl" not in hub.repositories[REPO].files


@pytest.mark.parametrize(
    ("status", "where", "words"),
    [
        (401, "/api/repos/create", "does not know this token"),
        (403, "/api/repos/create", "may not write"),
        (403, "/commit/", "may not write"),
        (400, "/commit/", "refused it"),
    ],
)
def test_a_no_of_the_hub_is_told_in_words_at_once(
    hub: FakeHub, snapshot, admin, status, where, words
):
    hub.faults[where] = [status] * 9
    pushed = push(snapshot, admin)
    assert (pushed.state, pushed.commit, pushed.url) == ("failed", "", "")
    assert words in pushed.problem
    assert not hub.repositories.get(REPO, Repository(True)).commits


def test_a_wrong_token_is_told(hub: FakeHub, snapshot, admin):
    pushed = push(snapshot, admin, token="hf_wrong")
    assert pushed.state == "failed" and "does not know this token" in pushed.problem
    assert REPO not in hub.repositories


@pytest.mark.parametrize("fault", [500, 503, 409, 412, 429, 0])
@pytest.mark.parametrize("where", ["/commit/", "/preupload/", "/lfs/", "/objects/batch"])
def test_a_hub_that_stumbles_is_asked_again(hub: FakeHub, snapshot, admin, fault, where):
    hub.faults[where] = [fault] * (7 if where != "/commit/" else 1)
    pushed = push(snapshot, admin)
    if pushed.state != "done":
        assert pushed.state == "waiting" and pushed.commit == ""
        assert "tried again" in pushed.problem
        assert not hub.repositories[REPO].commits
        hub.faults.clear()
        try_again(pushed)
    assert pushed.state == "done"
    assert len(hub.repositories[REPO].commits) == 1


def test_a_commit_whose_answer_was_lost_is_seen_and_not_made_twice(hub: FakeHub, snapshot, admin):
    hub.faults["/commit/"] = [-1]
    pushed = push(snapshot, admin)
    assert (pushed.state, pushed.commit) == ("waiting", "")
    try_again(pushed)
    assert (pushed.state, pushed.commit) == ("done", hub.repositories[REPO].sha)
    assert len(hub.repositories[REPO].commits) == 1


def test_a_hub_that_stays_away_is_given_up_in_words(hub: FakeHub, snapshot, admin):
    hub.faults["/api/datasets/"] = [500] * 99
    pushed = push(snapshot, admin)
    for _ in range(3):
        try_again(pushed)
    assert (pushed.state, pushed.tries) == ("failed", 3)
    assert "answered with 500" in pushed.problem
    assert pushed.sealed_token == ""


def test_a_repository_of_somebody_else_is_not_written_to(hub: FakeHub, snapshot, admin):
    hub.repositories[REPO] = Repository(True, {"README.md": b"Ours.", "data.csv": b"a,b"})
    pushed = push(snapshot, admin)
    assert pushed.state == "failed" and "do not come from here" in pushed.problem
    assert hub.repositories[REPO].files == {"README.md": b"Ours.", "data.csv": b"a,b"}


def test_what_was_to_be_private_does_not_go_into_a_public_repository(hub, snapshot, admin):
    hub.repositories[REPO] = Repository(False)
    pushed = push(snapshot, admin)
    assert pushed.state == "failed" and "exists and is public" in pushed.problem
    assert hub.repositories[REPO].files == {}


def test_a_changed_file_is_not_sent(hub: FakeHub, snapshot, admin):
    path = rows_path(snapshot)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"Good", b"Evil"))
    pushed = push(snapshot, admin)
    assert pushed.state == "failed" and "was changed" in pushed.problem
    assert hub.requests == []
    path.unlink()


def test_the_token_is_nowhere_to_be_read(hub: FakeHub, snapshot, admin, caplog):
    caplog.set_level(logging.DEBUG)
    asked = push_to_hub(snapshot, admin, REPO, token=TOKEN)
    assert asked.sealed_token and TOKEN not in asked.sealed_token
    rows = [*everything(SnapshotPush), *everything(AuditEntry)]
    assert TOKEN not in str(rows)
    hub.faults["/commit/"] = [500, 400]
    tasks.push_snapshots()
    try_again(asked)
    assert asked.state == "failed"
    assert TOKEN not in str(everything(SnapshotPush)) and TOKEN not in caplog.text
    assert asked.sealed_token == ""
    assert all(TOKEN not in path for _, path in hub.requests)


def everything(model: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {model._meta.db_table}")
        return list(cursor.fetchall())


def test_the_servers_own_token_is_taken_where_none_is_typed(hub, snapshot, admin, settings):
    with pytest.raises(SnapshotRefused, match="Give a token") as refused:
        push_to_hub(snapshot, admin, REPO)
    assert refused.value.field == "token"
    settings.HF_TOKEN = TOKEN
    assert push(snapshot, admin, token="").state == "done"


@pytest.mark.parametrize(
    "repo_id",
    ["", "tea", "a/b/c", "team/../etc", "http://10.0.0.1/x", "team/a b", "team/x\0", "te am/x",
     "team/" + "x" * 100, "-a/b", "team/tea.git", "team/x--y", "ｔeam/x"],
)  # fmt: skip
def test_what_names_no_repository_is_refused(hub: FakeHub, snapshot, admin, repo_id):
    with pytest.raises(SnapshotRefused) as refused:
        push_to_hub(snapshot, admin, repo_id, token=TOKEN)
    assert refused.value.field == "repo_id"
    assert hub.requests == [] and not SnapshotPush.objects.exists()


@pytest.mark.parametrize("token", ["hf_\0x", "hf x\ny", "hf_" + "x" * 300, "hf_ü"])
def test_what_is_no_token_is_refused(hub: FakeHub, snapshot, admin, token):
    with pytest.raises(SnapshotRefused) as refused:
        push_to_hub(snapshot, admin, REPO, token=token)
    assert refused.value.field == "token"


def test_a_server_that_is_kept_offline_says_so(snapshot, admin, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(SnapshotRefused, match="HF_HUB_OFFLINE"):
        push_to_hub(snapshot, admin, REPO, token=TOKEN)


def test_one_that_went_offline_since_says_so_too(hub: FakeHub, snapshot, admin, monkeypatch):
    from huggingface_hub import constants
    from huggingface_hub.utils import _http

    push_to_hub(snapshot, admin, REPO, token=TOKEN)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    _http.close_session()
    tasks.push_snapshots()
    assert SnapshotPush.objects.get().problem == hub_client.OFFLINE


def test_a_repository_is_pushed_to_by_one_at_a_time(hub: FakeHub, snapshot, admin):
    push_to_hub(snapshot, admin, REPO, token=TOKEN)
    with pytest.raises(SnapshotRefused, match="at the moment"):
        push_to_hub(snapshot, admin, REPO.upper(), token=TOKEN)
    assert "being pushed" in why_not_delete(snapshot)


def test_one_that_a_worker_is_at_is_not_begun_by_another(hub: FakeHub, snapshot, admin):
    push_to_hub(snapshot, admin, REPO, token=TOKEN)
    SnapshotPush.objects.update(state="running", tries=1)
    tasks.finish_changes()
    assert hub.requests == []
    SnapshotPush.objects.update(touched_at=timezone.now() - pushing.LEFT_ALONE_AFTER * 2)
    tasks.finish_changes()
    assert SnapshotPush.objects.get().state == "done"


def test_a_seal_is_new_each_time_and_breaks_when_it_is_changed():
    assert seal(TOKEN) != seal(TOKEN)
    sealed = seal(TOKEN)
    assert unseal(sealed) == TOKEN and unseal(seal("é")) == "é"
    with pytest.raises(SealBroken):
        unseal(("A" if sealed[0] != "A" else "B") + sealed[1:])


def test_a_token_sealed_with_another_key_is_asked_for_again(hub, snapshot, admin, settings):
    push_to_hub(snapshot, admin, REPO, token=TOKEN)
    settings.SECRET_KEY = "x" * 60
    tasks.push_snapshots()
    asked = SnapshotPush.objects.get()
    assert asked.state == "failed" and asked.problem and hub.requests == []


def test_nobody_writes_over_another_projects_repository_with_the_servers_token(
    hub: FakeHub, snapshot, admin, settings
):
    settings.HF_TOKEN = TOKEN
    assert push(snapshot, admin, token="").state == "done"
    before = hub.repositories[REPO].sha
    elsewhere = make_project(name="Coffee")
    make_comparisons(elsewhere, 1)
    claim_and_judge(make_member(elsewhere, name="bob"), elsewhere, "left")
    stranger = make_member(elsewhere, Role.ADMIN, name="other-admin")
    theirs = take(elsewhere, stranger, "Mine")
    for repo_id in (REPO, REPO.upper()):
        with pytest.raises(SnapshotRefused, match="another project") as refusal:
            push(theirs, stranger, token="", repo_id=repo_id)
        assert refusal.value.field == "token"
    snapshot.pushes.all().delete()  # as when its snapshot is deleted
    with pytest.raises(SnapshotRefused, match="another project"):
        push(theirs, stranger, token="")
    assert hub.repositories[REPO].sha == before
    assert push(snapshot, admin, token="").state == "done"
    assert push(theirs, stranger).state == "done", "with a token of one's own the hub decides"
