"""Forms about members: bad input makes and changes nothing, and says what was wrong."""

from typing import Any

import pytest
from django import forms
from django.test import Client
from django.urls import reverse

from labeling.models import ApiToken, Invitation, Membership, Project, Role, User
from labeling.pages.people.forms import InviteForm
from labeling.pages.people.invitations import InvitationForm, SignUpForm
from labeling.pages.people.person import TakeOutForm
from labeling.pages.people.signing_in.account_forms import EmailForm, NameForm
from labeling.pages.people.signing_in.tokens import TokenForm
from tests.factories import make_member, make_project

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("form", "field", "model", "column"),
    [
        (InviteForm, "username", Invitation, "username"),
        (InviteForm, "full_name", Invitation, "full_name"),
        (InvitationForm, "note", Invitation, "note"),
        (InvitationForm, "email", Invitation, "email"),
        (SignUpForm, "username", User, "username"),
        (SignUpForm, "full_name", User, "first_name"),
        (NameForm, "full_name", User, "last_name"),
        (EmailForm, "email", User, "email"),
        (TakeOutForm, "reason", Membership, "excluded_reason"),
        (TokenForm, "name", ApiToken, "name"),
    ],
)
def test_what_a_form_takes_fits_its_column(
    form: type[forms.Form], field: str, model: Any, column: str
) -> None:
    """SQLite keeps longer texts; PostgreSQL would answer with an error of ours."""
    limit = getattr(form.base_fields[field], "max_length")  # noqa: B009
    assert limit <= model._meta.get_field(column).max_length


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def admin(project: Project, client: Client) -> User:
    admin = make_member(project, Role.ADMIN, "owner")
    client.force_login(admin)
    return admin


def post(client: Client, name: str, project: Project, data: Any, *args: int) -> Any:
    return client.post(reverse(name, args=[project.slug, *args]), data, follow=True)


def said(answer: Any) -> str:
    return " ".join(str(message) for message in answer.context["messages"])


@pytest.mark.parametrize("role", ["", "owner", "ADMIN", "labeler "])
def test_a_role_that_is_none_changes_nobody(
    client: Client, project: Project, admin: User, role: str
) -> None:
    member = make_member(project).memberships.get()
    answer = post(client, "member-change", project, {"role": role}, member.pk)
    assert said(answer) == "This is not one of the roles."
    member.refresh_from_db()
    assert member.role == Role.LABELER


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"add-who": "", "add-role": "labeler"}, "who"),
        ({"add-who": "x" * 255, "add-role": "labeler"}, "who"),
        ({"add-who": "ada", "add-role": "owner"}, "role"),
        ({"who": "ada", "role": "labeler"}, "who"),
    ],
)
def test_a_wrong_form_invites_nobody_and_comes_back_with_its_words(
    client: Client, project: Project, admin: User, data: dict[str, str], field: str
) -> None:
    answer = post(client, "member-add", project, data)
    assert answer.status_code == 422
    assert field in answer.context["add_form"].errors
    assert not Invitation.objects.exists()


@pytest.mark.parametrize(
    "username", ["", "two words", "x" * 151, "semi;colon", "<b>"]
)  # fmt: skip
def test_a_user_name_that_none_can_have_is_not_proposed(
    client: Client, project: Project, admin: User, username: str
) -> None:
    data = {"invite-username": username, "invite-role": "labeler"}
    answer = post(client, "member-invite", project, data)
    assert answer.status_code == 422
    assert list(answer.context["invite_form"].errors) == ["username"]
    assert not Invitation.objects.exists()


def test_the_longest_names_are_proposed_whole(
    client: Client, project: Project, admin: User
) -> None:
    data = {"invite-username": "ü" * 150, "invite-full_name": "Ö" * 120, "invite-role": "curator"}
    post(client, "member-invite", project, data)
    invitation = Invitation.objects.get()
    assert (invitation.username, invitation.full_name) == ("ü" * 150, "Ö" * 120)
    assert invitation.role == Role.CURATOR


@pytest.mark.parametrize(
    "email",
    ["ada", "ada@", "@example.org", f"a@{'x' * 60}.{'y' * 60}.{'z' * 60}.{'u' * 60}.{'v' * 20}"],
)
def test_a_link_is_not_mailed_to_what_is_no_address(
    client: Client, project: Project, admin: User, settings: Any, mailoutbox: list[Any], email: str
) -> None:
    settings.EMAIL_HOST = "mail.example.org"
    answer = post(client, "invitation-new", project, {"link-email": email, "link-role": "labeler"})
    assert said(answer).startswith("No link was made: ")
    assert (mailoutbox, Invitation.objects.count()) == ([], 0)


def test_a_link_is_shown_once_and_to_its_maker_alone(
    client: Client, project: Project, admin: User
) -> None:
    other = Client()
    other.force_login(make_member(project, Role.ADMIN))
    url = reverse("invitation-new", args=[project.slug])
    client.post(url, {"link-note": "For Ada", "link-role": "labeler"})
    people = reverse("members", args=[project.slug])
    assert other.get(people).context["link"] is None
    link = client.get(people).context["link"]
    assert (link["note"], link["role"]) == ("For Ada", "labeler")
    assert client.get(people).context["link"] is None


def test_who_leaves_by_their_own_hand_is_led_home(
    client: Client, project: Project, admin: User
) -> None:
    make_member(project, Role.ADMIN)
    membership = Membership.objects.get(user=admin)
    answer = client.post(reverse("member-remove", args=[project.slug, membership.pk]))
    assert answer["Location"] == reverse("home")
    assert client.get(reverse("members", args=[project.slug])).status_code == 404


@pytest.mark.parametrize("reason", ["", "   ", "x" * 301])
def test_judgments_are_taken_out_for_a_reason_of_readable_length(
    client: Client, project: Project, admin: User, reason: str
) -> None:
    member = make_member(project).memberships.get()
    answer = post(client, "member-take-out", project, {"reason": reason}, member.pk)
    assert answer.status_code == 422
    assert "reason" in answer.context["form"].errors
    member.refresh_from_db()
    assert member.excluded_at is None


@pytest.mark.parametrize("text", ["Zoë 李 🙂", "<script>alert(1)</script>"])
def test_a_reason_is_kept_as_it_was_written_and_shown_as_signs(
    client: Client, project: Project, admin: User, text: str
) -> None:
    member = make_member(project).memberships.get()
    answer = post(client, "member-take-out", project, {"reason": text}, member.pk)
    member.refresh_from_db()
    assert member.excluded_reason == text
    assert "<script>alert" not in answer.content.decode()
