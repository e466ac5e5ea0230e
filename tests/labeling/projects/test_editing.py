"""Making projects, their addresses, and the versions of their guidelines."""

import pytest
from django.db import IntegrityError
from hypothesis import given
from hypothesis import strategies as st

from labeling.models import AuditEntry, GuidelineVersion, Membership, Project, Role, User
from labeling.models.people import Qualification
from labeling.people.access import can_create_projects
from labeling.preferences import overlap
from labeling.projects import editing, settings_texts
from labeling.projects.editing import (
    GuidelinesMoved,
    change_settings,
    create_project,
    create_project_at,
    free_slug,
    save_guidelines,
)
from tests.factories import (
    claim_and_judge,
    make_comparisons,
    make_member,
    make_project,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Tea Time!", "tea-time"),
        ("  ", "project"),
        ("日本語", "project"),
        ("Café & Küche", "cafe-kuche"),
        ("new", "new-2"),
        ("Preview", "preview-2"),
        ("a" * 80, "a" * 50),
    ],
)
def test_an_address_is_made_of_the_name(name: str, slug: str) -> None:
    assert free_slug(name) == slug


def test_an_address_that_is_taken_gets_the_next_number() -> None:
    for slug in ("tea", "tea-2", "tea-time"):
        make_project(slug=slug)
    assert free_slug("Tea") == "tea-3"
    assert free_slug("Tea time") == "tea-time-2"


@given(st.text(max_size=70))
def test_every_name_has_an_address_that_fits_the_column(name: str) -> None:
    slug = free_slug(name)
    Project(slug=slug, name="x").clean_fields(exclude=["question"])
    assert 0 < len(slug) <= 60


def test_of_two_projects_of_one_name_at_once_the_second_gets_the_next_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_project(slug="tea")
    answers = iter(["tea", "tea-2"])
    monkeypatch.setattr(editing, "free_slug", lambda _name: next(answers))
    assert create_project(make_user(), {"name": "Tea"}).slug == "tea-2"


def test_a_project_whose_addresses_are_always_taken_is_given_up_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_project(slug="tea")
    monkeypatch.setattr(editing, "free_slug", lambda _name: "tea")
    with pytest.raises(IntegrityError, match="20 addresses in succession were taken"):
        create_project(make_user(), {"name": "Tea"})


def test_another_fault_is_no_taken_address() -> None:
    with pytest.raises(IntegrityError):
        create_project(make_user(), {"name": "Tea", "scale": "no scale"})
    assert not Project.objects.exists()


def test_a_project_that_is_refused_leaves_no_member_and_no_entry() -> None:
    make_project(slug="tea")
    with pytest.raises(IntegrityError):
        create_project_at(make_user(), "tea", {"name": "Tea"})
    assert not Membership.objects.exists()
    assert not AuditEntry.objects.exists()


def test_who_is_trusted_with_one_project_may_make_another() -> None:
    project = make_project()
    assert can_create_projects(make_member(project, Role.ADMIN))
    assert can_create_projects(make_user(is_superuser=True))
    assert not can_create_projects(make_member(project, Role.CURATOR))
    assert not can_create_projects(make_user())


@pytest.fixture
def project() -> Project:
    project = make_project()
    GuidelineVersion.objects.all().delete()
    project.refresh_from_db()
    return project


@pytest.fixture
def admin(project: Project) -> User:
    return make_member(project, Role.ADMIN)


def test_guidelines_get_versions_from_1_on(project: Project, admin: User) -> None:
    first = save_guidelines(project, admin, "Be kind.", written_on=0)
    second = save_guidelines(project, admin, "Be fair.", written_on=1)
    assert first is not None
    assert second is not None
    assert (first.number, second.number) == (1, 2)
    project.refresh_from_db()
    assert project.guidelines == second
    assert GuidelineVersion.objects.get(pk=first.pk).text == "Be kind."
    entry = AuditEntry.objects.filter(action="save guidelines").first()
    assert entry is not None
    assert entry.details == {"number": 2}


@pytest.mark.parametrize("text", ["Be kind.", " Be kind.\r\n", "\nBe kind.\n"])
def test_the_same_text_is_no_new_version(text: str, project: Project, admin: User) -> None:
    save_guidelines(project, admin, "Be kind.", written_on=0)
    assert save_guidelines(project, admin, text, written_on=1) is None
    assert GuidelineVersion.objects.count() == 1


def test_no_guidelines_saved_as_nothing_stay_none(project: Project, admin: User) -> None:
    assert save_guidelines(project, admin, " \r\n ", written_on=0) is None
    assert not GuidelineVersion.objects.exists()


def test_guidelines_that_somebody_has_changed_meanwhile_are_not_written_over(
    project: Project, admin: User
) -> None:
    other = make_member(project, Role.ADMIN, "otto")
    save_guidelines(project, other, "Be kind.", written_on=0)
    with pytest.raises(GuidelinesMoved, match="otto saved version 1 while you were") as moved:
        save_guidelines(project, admin, "Be kind.", written_on=0)
    assert moved.value.newest.text == "Be kind."
    assert GuidelineVersion.objects.count() == 1


def test_a_form_sent_twice_is_answered_twice_and_saved_once(project: Project, admin: User) -> None:
    first = save_guidelines(project, admin, "Be kind.", written_on=0)
    assert save_guidelines(project, admin, "Be kind.", written_on=0) == first
    assert GuidelineVersion.objects.count() == 1


def test_a_text_of_before_is_no_form_sent_twice(project: Project, admin: User) -> None:
    save_guidelines(project, admin, "Be kind.", written_on=0)
    save_guidelines(project, admin, "Be fair.", written_on=1)
    with pytest.raises(GuidelinesMoved):
        save_guidelines(project, admin, "Be fair.", written_on=0)


def test_a_first_round_is_not_for_those_who_have_judged_already(admin: User) -> None:
    project = make_project(random_share=0.0, gold_share=0.0)
    make_comparisons(project, 1)
    old, new = make_member(project), make_member(project)
    claim_and_judge(old, project)
    change_settings(project, admin, {"qualification_items": 3})
    change_settings(project, admin, {"qualification_items": 5})
    rows = dict(Membership.objects.filter(project=project).values_list("user", "qualification"))
    assert rows == {old.pk: Qualification.EXEMPT, new.pk: Qualification.OPEN}


def test_many_comparisons_follow_an_overlap_after_the_click_and_in_its_order(
    admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlap, "BATCH", 2)
    project = make_project(overlap=1)
    comparisons = make_comparisons(project, 5)
    seen: list[set[int]] = []

    def watch(*_: object) -> None:
        seen.append(set(project.comparisons.values_list("wanted", flat=True)))

    monkeypatch.setattr(overlap, "let_others_write", watch)
    change_settings(project, admin, {"overlap": 3})
    assert seen[0] == {1, 3}, "the first were there with the click"
    assert set(project.comparisons.values_list("wanted", "slots_left")) == {(3, 3)}
    assert len(comparisons) == 5


def test_a_change_on_the_way_is_followed_before_the_next(
    admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1 to 2 is not done with when 2 to 4 is asked for: all of them end at 4."""
    monkeypatch.setattr(overlap, "BATCH", 1)
    project = make_project(overlap=1)
    make_comparisons(project, 3)
    with monkeypatch.context() as patched:
        patched.setattr(overlap, "go_on", lambda _project: None)
        change_settings(project, admin, {"overlap": 2})
    change_settings(project, admin, {"overlap": 4})
    assert set(project.comparisons.values_list("wanted", "slots_left")) == {(4, 4)}


def test_a_change_that_was_left_alone_is_finished_by_a_worker(
    admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlap, "BATCH", 1)
    project = make_project(overlap=1)
    make_comparisons(project, 3)
    with monkeypatch.context() as patched:
        patched.setattr(overlap, "go_on", lambda _project: None)
        change_settings(project, admin, {"overlap": 2})
    overlap.finish_changes()
    assert set(project.comparisons.values_list("wanted", flat=True)) == {1, 2}, "too early"
    monkeypatch.setattr(overlap, "LEFT_ALONE_AFTER", -overlap.LEFT_ALONE_AFTER)
    overlap.finish_changes()
    assert set(project.comparisons.values_list("wanted", flat=True)) == {2}


def test_settings_are_told_once_each_in_words() -> None:
    names = [name for group in settings_texts.GROUPS for name in (*group.names, *group.more)]
    assert len(names) == len(set(names))
    assert set(settings_texts.MODE_FIELDS) <= set(names)
    texts = settings_texts.HELP.values()
    assert all(text.endswith((".", "!")) for text in texts)
