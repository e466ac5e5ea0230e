"""The pages of snapshots: taken from a filter, shown, compared, named, pushed, deleted."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from labeling.models import (
    Preference,
    Project,
    Role,
    Snapshot,
    SnapshotPush,
    SnapshotTaking,
    User,
)
from labeling.preferences.snapshots import take_snapshot
from labeling.snapshots import taking
from labeling.snapshots.reading import rows_path
from tests.factories import claim_and_judge, make_comparisons, make_member, make_project
from tests.labeling.snapshots.fake_hub import TOKEN
from tests.labeling.snapshots.test_taking import take
from tests.modeling.page_helpers import make_history

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    project = make_project()
    make_comparisons(project, 3)
    labeler = make_member(project)
    for choice in ("left", "right", "tie"):
        claim_and_judge(labeler, project, choice)
    return project


@pytest.fixture
def admin(project: Project) -> User:
    return make_member(project, Role.ADMIN)


@pytest.fixture
def browser(client: Client, admin: User) -> Client:
    client.force_login(admin)
    return client


def page(browser: Client, name: str, *args: object, **query: str | int) -> str:
    answer = browser.get(reverse(name, args=args), query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_filter_of_the_table_is_what_is_kept(browser, project):
    table = page(browser, "preferences", project.slug, kind="tie")
    assert f"{reverse('snapshot-new', args=[project.slug])}?kind=tie" in table
    form = page(browser, "snapshot-new", project.slug, kind="tie")
    assert '<input type="hidden" name="kind" value="tie">' in form
    assert "<strong>1</strong>" in form
    answer = browser.post(
        reverse("snapshot-new", args=[project.slug]), {"name": "Ties", "kind": "tie"}
    )
    made = Snapshot.objects.get()
    assert answer["Location"] == reverse("snapshot", args=[project.slug, made.pk])
    assert (made.name, made.count, made.filters) == ("Ties", 1, {"kind": "tie"})


def test_what_was_wrong_stands_at_its_field(browser, project, admin):
    take(project, admin, "Ties")
    address = reverse("snapshot-new", args=[project.slug])
    answer = browser.post(address, {"name": "ties", "licence": "mit"})
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "There is a snapshot “ties” already" in text and 'value="mit"' in text
    for filters in ({"kind": "no"}, {"state": "redoing"}):
        assert browser.post(address, {"name": "x", **filters}).status_code == 422
    assert Snapshot.objects.count() == 1


def test_a_large_one_is_followed_in_the_list(browser, project, monkeypatch):
    monkeypatch.setattr(taking, "AT_ONCE", 0)
    browser.post(reverse("snapshot-new", args=[project.slug]), {"name": "Large"})
    text = page(browser, "snapshots", project.slug)
    assert 'hx-trigger="every 2s"' in text and "0 of 3" in text
    taking.go_on()
    text = page(browser, "snapshots", project.slug)
    assert 'hx-trigger="every 2s"' not in text
    assert reverse("snapshot", args=[project.slug, Snapshot.objects.get().pk]) in text


def test_one_that_failed_is_tried_again_or_cleared_away(browser, project):
    wish = SnapshotTaking.objects.create(
        project=project, name="Bad", up_to=99, total=3, state="failed", problem="The disk is full.",
        touched_at=timezone.now(),
    )  # fmt: skip
    assert "The disk is full." in page(browser, "snapshots", project.slug)
    browser.post(reverse("taking-again", args=[project.slug, wish.pk]))
    wish.refresh_from_db()
    assert (wish.state, wish.problem) == ("waiting", "")
    browser.post(reverse("taking-call-off", args=[project.slug, wish.pk]))
    assert not SnapshotTaking.objects.exists()


def test_the_page_has_counts_files_card_and_what_learnt_from_it(browser, project, admin):
    made = take(project, admin)
    text = page(browser, "snapshot", project.slug, made.pk)
    assert "No run and no reward model." in text and made.sha256 in text
    assert reverse("api-snapshot-file", args=[project.slug, made.pk, "trl.parquet"]) in text
    assert "Two people" in text or "No pair was judged by two people" in text
    make_history(project, 1)
    trained = Snapshot.objects.filter(origin="training").earliest("id")
    assert "Reward model v1" in page(browser, "snapshot", project.slug, trained.pk)


def test_a_trainings_one_is_named_on_its_page(browser, project):
    made = take_snapshot(project)
    address = reverse("snapshot-name", args=[project.slug, made.pk])
    assert browser.post(address, {"name": ""}).status_code == 422
    assert browser.post(address, {"name": "x" * 99}).status_code == 422
    assert browser.post(address, {"name": "Learnt"}).status_code == 302
    assert "<h1>Learnt</h1>" in page(browser, "snapshot", project.slug, made.pk)


def test_two_are_compared_with_links_to_what_differs(browser, project, admin):
    old = take(project, admin, "Old")
    changed, gone = Preference.objects.order_by("id")[:2]
    Preference.objects.filter(pk=changed.pk).update(weight=0.5)
    new = take(project, admin, "New")
    text = page(browser, "snapshot-diff", project.slug, old=old.pk, new=new.pk)
    assert reverse("preference", args=[project.slug, changed.pk]) in text
    assert reverse("preference", args=[project.slug, gone.pk]) not in text
    assert "weight 1" in " ".join(text.split()) and "0.5" in text
    only_added = page(browser, "snapshot-diff", project.slug, old=old.pk, new=new.pk, what="added")
    assert reverse("preference", args=[project.slug, changed.pk]) not in only_added


def test_large_ones_are_compared_after_the_page(browser, project, admin, monkeypatch):
    monkeypatch.setattr("labeling.pages.curation.snapshot_exchange.AT_ONCE_BYTES", 0)
    made = take(project, admin)
    query = {"old": made.pk, "new": made.pk}
    text = page(browser, "snapshot-diff", project.slug, **query)
    assert 'hx-trigger="load"' in text and "They hold the same." not in text
    assert "They hold the same." in page(browser, "snapshot-diff", project.slug, **query, whole=1)
    part = browser.get(
        reverse("snapshot-diff", args=[project.slug]), query, headers={"hx-request": "true"}
    ).content.decode()
    assert "They hold the same." in part and "<html" not in part


def test_a_foreign_or_odd_number_is_not_found(browser, project):
    foreign = take_snapshot(make_project())
    for value in (foreign.pk, "x", 9**17):
        address = reverse("snapshot-diff", args=[project.slug])
        assert browser.get(address, {"old": value, "new": value}).status_code == 404
    assert browser.get(reverse("snapshot", args=[project.slug, foreign.pk])).status_code == 404
    assert browser.get(f"/projects/{project.slug}/snapshots/{10**30}/").status_code == 404


def test_a_lost_file_is_told_on_both_pages(browser, project, admin):
    made = take(project, admin)
    rows_path(made).unlink()
    Snapshot.objects.update(counts={})
    assert "is gone" in page(browser, "snapshot", project.slug, made.pk)
    assert "is gone" in page(browser, "snapshot-diff", project.slug, old=made.pk, new=made.pk)


def test_a_push_is_asked_for_and_followed(browser, project, admin, monkeypatch):
    from huggingface_hub import constants

    made = take(project, admin)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in page(browser, "snapshot", project.slug, made.pk)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    address = reverse("snapshot-push", args=[project.slug, made.pk])
    refused = browser.post(address, {"repo_id": "tea", "token": TOKEN})
    assert refused.status_code == 422
    assert "owner/name" in refused.content.decode() and TOKEN not in refused.content.decode()
    assert browser.post(address, {"repo_id": "team/tea", "token": TOKEN}).status_code == 302
    assert SnapshotPush.objects.get().is_private
    text = page(browser, "snapshot", project.slug, made.pk)
    assert "waiting for a worker" in text and 'hx-trigger="every 2s"' in text
    part = browser.get(
        reverse("snapshot", args=[project.slug, made.pk]), headers={"hx-request": "true"}
    ).content.decode()
    assert part.lstrip().startswith('<div id="pushes"')


def test_curators_neither_push_nor_delete(client, project, admin):
    made = take(project, admin)
    client.force_login(make_member(project, Role.CURATOR))
    text = page(client, "snapshot", project.slug, made.pk)
    assert 'name="token"' not in text and "Delete it" not in text
    for name in ("snapshot-push", "snapshot-delete"):
        assert client.post(reverse(name, args=[project.slug, made.pk])).status_code == 403


def test_it_is_deleted_while_nothing_rests_on_it(browser, project, admin):
    made = take(project, admin)
    push = SnapshotPush.objects.create(of=made, repo_id="a/b", touched_at=timezone.now())
    address = reverse("snapshot-delete", args=[project.slug, made.pk])
    assert browser.post(address).status_code == 422
    push.delete()
    assert browser.post(address).status_code == 302
    assert not Snapshot.objects.exists()
