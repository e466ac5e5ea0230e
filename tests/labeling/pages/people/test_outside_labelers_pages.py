"""The pages of people say who is an outside labeler, and offer what can be done with one."""

import io
import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.importing import import_file
from labeling.models import Judgment, Membership, Project, Role
from labeling.people.members import MembersError, change_member, remove_member
from tests.factories import client_with_token, make_member, make_project

pytestmark = pytest.mark.django_db


def bring(project: Project, *names: str) -> None:
    rows = [
        {"prompt": "Tea?", "chosen": "Yes", "rejected": "No", "annotator": name} for name in names
    ]
    content = "\n".join(json.dumps(row) for row in rows).encode()
    import_file(project, None, io.BytesIO(content), name="rows.jsonl")


@pytest.fixture
def project() -> Project:
    project = make_project()
    bring(project, "Ana", "Ben")
    return project


@pytest.fixture
def admin(project: Project, client: Client) -> Client:
    client.force_login(make_member(project, Role.ADMIN, "boss"))
    return client


def ana(project: Project) -> Membership:
    return Membership.objects.get(project=project, user__first_name="Ana")


def page(client: Client, name: str, *args: Any) -> str:
    answer = client.get(reverse(name, args=args))
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_people_lists_outside_labelers_apart_and_marks_them(
    admin: Client, project: Project
) -> None:
    answer = admin.get(reverse("members", args=[project.slug]))
    assert [str(row.member.user) for row in answer.context["rows"]] == ["boss"]
    assert [str(row.member.user) for row in answer.context["outside_rows"]] == ["Ana", "Ben"]
    text = " ".join(answer.content.decode().split())
    assert "2 people whose judgments a file brought" in text
    assert ">outside</span>" in text
    assert ">paused" not in text


def test_of_very_many_those_are_shown_who_judged_most(
    admin: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labeling.pages.people.members.OUTSIDE_SHOWN", 1)
    text = page(admin, "members", project.slug)
    assert "Shown are the 1 who judged most" in text
    assert "Ben" not in text


def test_their_page_offers_to_take_judgments_out_and_no_work_or_role(
    admin: Client, project: Project
) -> None:
    text = page(admin, "member", project.slug, ana(project).pk)
    assert "Brought by a file on" in text
    assert "Take judgments out of training" in text
    for absent in ("pause-title", "role-title", "Remove from the project"):
        assert absent not in text


def test_judgments_are_taken_out_and_brought_back_on_their_page(
    admin: Client, project: Project
) -> None:
    place = [project.slug, ana(project).pk]
    admin.post(reverse("member-take-out", args=place), {"reason": "careless"})
    assert Judgment.objects.filter(excluded_at__isnull=False).count() == 1
    admin.post(reverse("member-bring-back", args=place))
    assert not Judgment.objects.filter(excluded_at__isnull=False).exists()


def test_they_get_no_role_no_work_and_are_not_removed(admin: Client, project: Project) -> None:
    member = ana(project)
    boss = Membership.objects.get(project=project, role=Role.ADMIN).user
    with pytest.raises(MembersError, match="outside labeler"):
        change_member(member, boss, role=Role.ADMIN)
    with pytest.raises(MembersError, match="outside labeler"):
        change_member(member, boss, is_paused=False)
    with pytest.raises(MembersError, match="outside labeler"):
        remove_member(member, boss)
    admin.post(reverse("member-change", args=[project.slug, member.pk]), {"role": "admin"})
    member.refresh_from_db()
    assert (member.role, member.is_paused) == (Role.LABELER, True)


def test_dashboard_and_agreement_say_whose_judgments_they_are(
    admin: Client, project: Project
) -> None:
    assert "all by <a" in page(admin, "curation", project.slug)
    assert "by 2 people, all of them <a" in page(admin, "agreement", project.slug)


def test_checks_are_not_about_them(admin: Client, project: Project) -> None:
    answer = admin.get(reverse("quality-control", args=[project.slug]))
    assert [str(one.membership.user) for one in answer.context["members"]] == ["boss"]


def test_a_preference_shows_who_said_what(admin: Client, project: Project) -> None:
    text = page(admin, "preference", project.slug, project.preferences.get().pk)
    assert '<strong>Ana</strong> <span class="badge">outside</span>: Chosen is better' in text


def test_the_database_admin_refuses_in_words_to_switch_one_on(project: Project) -> None:
    from django.core.exceptions import ValidationError

    person = ana(project).user
    person.is_active = True
    with pytest.raises(ValidationError, match="Nobody signs in as an outside labeler"):
        person.full_clean()


def test_the_api_lists_them_as_outside_and_changes_neither_role_nor_work(project: Project) -> None:
    program = client_with_token(make_member(project, Role.ADMIN))
    address = f"/api/v1/projects/{project.slug}/members/"
    rows = program.get(f"{address}?is_outside=true").json()["results"]
    assert [(row["full_name"], row["judged"]) for row in rows] == [("Ana", 1), ("Ben", 1)]
    assert len(program.get(f"{address}?is_outside=false").json()["results"]) == 1
    one = f"{address}{rows[0]['id']}/"
    for change in ({"role": "admin"}, {"is_paused": False}):
        answer = program.patch(one, change, content_type="application/json")
        assert answer.status_code == 409
        assert "outside labeler" in answer.json()["detail"]
    assert program.delete(one).status_code == 409
