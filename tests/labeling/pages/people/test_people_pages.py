"""One's own work, the people page, one person's page, and invitations by link."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from labeling.models import (
    Assignment,
    AuditEntry,
    Comparison,
    Invitation,
    Judgment,
    Membership,
    Preference,
    Role,
    Snapshot,
    User,
)
from labeling.people import invitations, members
from labeling.people.invitations import InvitationGone
from tests.factories import (
    claim,
    claim_and_judge,
    judge_for,
    make_comparison,
    make_comparisons,
    make_member,
    make_project,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Any:
    return make_project(overlap=1, random_share=0, gold_share=0)


@pytest.fixture
def curator(client: Any, project: Any) -> User:
    user = make_member(project, Role.CURATOR, "curator")
    client.force_login(user)
    return user


def page(client: Any, name: str, *args: Any) -> str:
    response = client.get(reverse(name, args=args))
    assert response.status_code == 200
    return str(response.content.decode())


def membership_of(user: User) -> Membership:
    return Membership.objects.get(user=user)


# One's own page


def test_own_page_without_any_answer_says_what_to_do(client: Any, project: Any) -> None:
    client.force_login(make_member(project))
    assert "No answers yet" in page(client, "my-work", project.slug)


def test_own_page_lists_own_answers_only_and_refuses_figures_on_little(
    client: Any, project: Any
) -> None:
    me, other = make_member(project), make_member(project)
    make_comparisons(project, 2)
    claim_and_judge(me, project, "left")
    theirs = claim_and_judge(other, project, "tie").judgment
    Judgment.objects.update(created_at=timezone.now() - timedelta(days=1))
    client.force_login(me)
    text = page(client, "my-work", project.slug)
    assert "A is better" in text and "About the same" not in text
    assert "Too little to say yet. Needs 30 choices of a side; there are 1." in text
    url = reverse("my-judgment", args=[project.slug, theirs.pk])
    assert client.get(url).status_code == 404


def test_own_page_says_a_side_habit_in_words(client: Any, project: Any) -> None:
    me = make_member(project)
    make_comparisons(project, 31)
    for _ in range(31):
        claim_and_judge(me, project, "left")
    Judgment.objects.update(created_at=timezone.now() - timedelta(days=1))
    client.force_login(me)
    text = page(client, "my-work", project.slug)
    assert "you choose the left side more often than chance explains" in text


def test_own_page_costs_the_same_for_a_longer_history(
    client: Any, project: Any, django_assert_max_num_queries: Any
) -> None:
    me = make_member(project)
    make_comparisons(project, 40)
    for _ in range(40):
        claim_and_judge(me, project, "left")
    Judgment.objects.update(created_at=timezone.now() - timedelta(days=1))
    client.force_login(me)
    with django_assert_max_num_queries(22):
        page(client, "my-work", project.slug)


def test_an_answer_is_corrected_from_its_page(client: Any, project: Any) -> None:
    me = make_member(project)
    make_comparison(project)
    first = judge_for(me, project, "Bad.").judgment
    client.force_login(me)
    url = reverse("my-judgment", args=[project.slug, first.pk])
    shown = page(client, "my-judgment", project.slug, first.pk)
    best_is_left = first.tiers[0][0] == first.order[0]
    chosen, other = ("left", "right") if best_is_left else ("right", "left")
    assert f'value="{chosen}" checked' in shown
    response = client.post(url, {"choice": other})
    assert response.url == reverse("my-work", args=[project.slug])
    assert Preference.objects.get().chosen.text == "Good."
    assert "corrected" in page(client, "my-work", project.slug)


def test_a_correction_that_does_not_fit_changes_nothing_and_says_why(
    client: Any, project: Any
) -> None:
    me = make_member(project)
    make_comparison(project)
    first = judge_for(me, project, "Bad.").judgment
    client.force_login(me)
    url = reverse("my-judgment", args=[project.slug, first.pk])
    response = client.post(url, {"choice": "sideways"})
    assert response.status_code == 400
    assert "Not changed" in response.content.decode()
    assert Judgment.objects.get().superseded_at is None
    assert Comparison.objects.get().state == Comparison.State.FINISHED


def test_after_the_window_the_page_shows_the_answer_and_no_form(client: Any, project: Any) -> None:
    me = make_member(project)
    make_comparison(project)
    first = judge_for(me, project, "Bad.").judgment
    Judgment.objects.update(created_at=timezone.now() - timedelta(days=2))
    client.force_login(me)
    text = page(client, "my-judgment", project.slug, first.pk)
    assert "can be corrected for 60 minutes" in text and "Save the correction" not in text
    url = reverse("my-judgment", args=[project.slug, first.pk])
    assert client.post(url, {"choice": "tie"}).status_code == 409


def test_a_ranking_is_shown_and_corrected_by_places(client: Any) -> None:
    project = make_project(scale="ranking", gold_share=0)
    me = make_member(project)
    make_comparison(project, ("one", "two", "three"), wanted=1)
    client.force_login(me)
    page(client, "label", project.slug)

    assignment = Assignment.objects.get()
    places = {"choice": "rank", "place-A": "1", "place-B": "2", "place-C": "2"}
    client.post(reverse("judge", args=[assignment.uuid]), places)
    first = Judgment.objects.get()
    assert "A &gt; B = C" in page(client, "my-work", project.slug)
    url = reverse("my-judgment", args=[project.slug, first.pk])
    client.post(url, places | {"place-C": "3"})
    assert "A &gt; B &gt; C" in page(client, "my-work", project.slug)


# People


def test_labelers_see_neither_people_nor_a_person(client: Any, project: Any) -> None:
    me = make_member(project)
    client.force_login(me)
    assert client.get(reverse("members", args=[project.slug])).status_code == 403
    url = reverse("member", args=[project.slug, membership_of(me).pk])
    assert client.get(url).status_code == 403


def test_curators_see_measures_and_no_forms_of_admins(
    client: Any, project: Any, curator: User
) -> None:
    make_member(project)
    text = page(client, "members", project.slug)
    assert "Agreement" in text and "Invite by link" in text
    assert "Make an account for somebody" not in text and "who has an account" not in text


def test_a_curator_pauses_and_lets_go_on(client: Any, project: Any, curator: User) -> None:
    labeler = make_member(project)
    Membership.objects.filter(user=labeler).update(paused_by_rule="gold", is_paused=True)
    url = reverse("member-pause", args=[project.slug, membership_of(labeler).pk])
    client.post(url, {"paused": "no"})
    membership = membership_of(labeler)
    assert (membership.is_paused, membership.paused_by_rule) == (False, "")
    assert membership.gold_since is not None
    client.post(url, {"paused": "yes"})
    assert membership_of(labeler).is_paused


def test_judgments_are_taken_out_and_brought_back_from_the_page(
    client: Any, project: Any, curator: User
) -> None:
    labeler = make_member(project)
    make_comparison(project)
    judge_for(labeler, project, "Bad.")
    Snapshot.objects.create(
        project=project, sha256="a" * 64, count=1, last_settled_at=timezone.now()
    )
    pk = membership_of(labeler).pk
    assert "a" * 12 in page(client, "member", project.slug, pk)
    url = reverse("member-take-out", args=[project.slug, pk])
    refused = client.post(url, {"reason": ""})
    assert refused.status_code == 422 and Preference.objects.get().settled_at is not None
    done = client.post(url, {"reason": "Answers at random"}, follow=True).content.decode()
    assert "1 comparison back in the queue" in done and "Answers at random" in done
    assert "out of training" in page(client, "members", project.slug)
    going_on = client.post(
        reverse("member-pause", args=[project.slug, pk]), {"paused": "no"}, follow=True
    )
    assert "Bring them back first" in going_on.content.decode()
    client.post(reverse("member-bring-back", args=[project.slug, pk]))
    assert Preference.objects.get().settled_at is not None


def test_held_comparisons_are_given_to_others_from_the_page(
    client: Any, project: Any, curator: User
) -> None:

    labeler = make_member(project)
    make_comparison(project)
    assert claim(labeler, project) is not None
    pk = membership_of(labeler).pk
    url = reverse("member-reassign", args=[project.slug, pk])
    assert "1 comparison went back" in client.post(url, follow=True).content.decode()
    assert Comparison.objects.get().slots_left == 1


def test_a_person_of_another_project_is_not_found(client: Any, project: Any, curator: User) -> None:
    stranger = membership_of(make_member(make_project()))
    for name in ("member-pause", "member-take-out", "member-reassign", "member-bring-back"):
        url = reverse(name, args=[project.slug, stranger.pk])
        assert client.post(url, {"reason": "x"}).status_code == 404
    stranger.refresh_from_db()
    assert not stranger.is_paused and stranger.excluded_at is None


# Invitations


def invite(client: Any, project: Any, role: str = "labeler") -> str:
    """Makes a link as the signed-in person and gives its path."""
    url = reverse("invitation-new", args=[project.slug])
    text = client.post(url, {"link-role": role, "link-note": "Noor"}, follow=True).content.decode()
    token = text.split("/invitations/")[1].split("/")[0] if "readonly" in text else ""
    return reverse("invitation", args=[token]) if token else ""


def test_a_link_makes_an_account_a_member_and_a_session_once(
    client: Any, project: Any, curator: User
) -> None:
    path = invite(client, project)
    assert "/invitations/" in path
    assert 'id="join-link"' not in page(client, "members", project.slug)  # shown once
    client.logout()
    assert "invites you as labeler" in client.get(path).content.decode()
    fields = {"username": "noor", "full_name": "Noor Ali", "password": "a-long-secret-7"}
    assert client.post(path, fields).url == reverse("label", args=[project.slug])
    noor = User.objects.get(username="noor")
    assert membership_of(noor).role == Role.LABELER and noor.check_password("a-long-secret-7")
    assert client.get(reverse("my-work", args=[project.slug])).status_code == 200
    client.logout()
    assert client.get(path).status_code == 410
    assert client.post(path, fields | {"username": "second"}).status_code == 410
    assert not User.objects.filter(username="second").exists()
    actions = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert actions == ["invite", "accept invitation"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"username": "Curator", "password": "a-long-secret-7"}, "has this user name"),
        ({"username": "noor", "password": "password"}, "too common"),
        ({"username": "noor", "password": ""}, "required"),
    ],
)
def test_a_bad_sign_up_says_why_and_keeps_the_link(
    client: Any, project: Any, curator: User, fields: dict[str, str], words: str
) -> None:
    path = invite(client, project)
    client.logout()
    refused = client.post(path, fields)
    assert refused.status_code == 422 and words in refused.content.decode()
    assert Invitation.objects.get().used_at is None


def test_somebody_signed_in_joins_with_their_account(
    client: Any, project: Any, curator: User
) -> None:
    path = invite(client, project)
    visitor = make_user()
    client.force_login(visitor)
    assert "You are signed in as" in client.get(path).content.decode()
    client.post(path)
    assert membership_of(visitor).role == Role.LABELER


def test_a_link_never_lowers_a_role(client: Any, project: Any, curator: User) -> None:
    client.post(invite(client, project))
    assert membership_of(curator).role == Role.CURATOR


def test_a_curator_cannot_invite_an_admin(client: Any, project: Any, curator: User) -> None:
    assert invite(client, project, "admin") == ""
    assert not Invitation.objects.exists()


def test_a_withdrawn_an_old_and_a_made_up_link_let_nobody_in(
    client: Any, project: Any, curator: User
) -> None:
    path = invite(client, project)
    url = reverse("invitation-withdraw", args=[project.slug, Invitation.objects.get().pk])
    client.post(url)
    assert client.get(path).status_code == 410
    old = invite(client, project)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.get(old).status_code == 410
    assert client.get(reverse("invitation", args=["made-up"])).status_code == 410


def test_of_two_who_open_a_link_at_once_one_gets_in(project: Any, curator: User) -> None:
    _, token = invitations.create_invitation(project, curator, Role.LABELER)
    one, two = invitations.find_invitation(token), invitations.find_invitation(token)
    invitations.accept(one, make_user())
    loser = make_user()
    with pytest.raises(InvitationGone):
        invitations.accept(two, loser)
    assert not Membership.objects.filter(user=loser).exists()


def test_the_token_is_not_in_the_database(project: Any, curator: User) -> None:
    invitation, token = invitations.create_invitation(project, curator, Role.LABELER)
    assert token not in str(Invitation.objects.filter(pk=invitation.pk).values())
    assert token not in str(list(AuditEntry.objects.values()))


def invite_by_mail(client: Any, project: Any, address: str) -> str:
    url = reverse("invitation-new", args=[project.slug])
    fields = {"link-role": "labeler", "link-email": address}
    return str(client.post(url, fields, follow=True).content.decode())


def test_an_invitation_is_mailed_and_its_address_becomes_the_accounts(
    client: Any, project: Any, curator: User, settings: Any, mailoutbox: list[Any]
) -> None:
    settings.EMAIL_HOST = "mail.example.org"
    text = invite_by_mail(client, project, "noor@example.org")
    assert "on its way to noor@example.org" in text and 'id="join-link"' not in text
    (mail,) = mailoutbox
    assert mail.to == ["noor@example.org"] and mail.subject == f"Join {project.name}"
    path = "/invitations/" + mail.body.split("/invitations/")[1].split()[0]
    client.logout()
    client.post(path, {"username": "noor", "password": "a-long-secret-7"})
    assert User.objects.get(username="noor").email == "noor@example.org"


def test_a_mail_server_that_fails_leaves_the_link_to_send_by_hand(
    client: Any, project: Any, curator: User, settings: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # nobody listens there
    text = invite_by_mail(client, project, "noor@example.org")
    assert "did not take the mail to noor@example.org" in text and 'id="join-link"' in text
    assert Invitation.objects.get().email == "noor@example.org"


def test_a_wrong_address_makes_no_link(
    client: Any, project: Any, curator: User, settings: Any
) -> None:
    settings.EMAIL_HOST = "mail.example.org"
    assert "Enter a valid email address" in invite_by_mail(client, project, "noor@")
    assert not Invitation.objects.exists()


def test_without_a_mail_server_no_address_is_asked_for(
    client: Any, project: Any, curator: User
) -> None:
    text = page(client, "members", project.slug)
    assert "link-email" not in text and "Make a link" in text


def test_a_link_that_was_used_cannot_be_withdrawn(project: Any, curator: User) -> None:
    invitation, _ = invitations.create_invitation(project, curator, Role.LABELER)
    invitations.accept(invitation, make_user())
    with pytest.raises(members.MembersError, match="used this link"):
        invitations.withdraw_invitation(invitation, curator)


# Agreement


def test_the_dashboard_leads_to_agreement_in_depth(client: Any, curator: User) -> None:
    project = make_project(overlap=2, random_share=0, gold_share=0)
    Membership.objects.create(project=project, user=curator, role=Role.CURATOR)
    make_comparisons(project, 25)
    for _ in range(2):
        labeler = make_member(project)
        for _ in range(25):
            judge_for(labeler, project, "Good.")
    address = reverse("agreement", args=[project.slug])
    assert f'hx-get="{address}"' in page(client, "curation", project.slug)
    text = page(client, "agreement", project.slug)
    assert "100 %" in text and "1.00" in text and "version 1" in text
    fragment = client.get(address, headers={"HX-Request": "true"}).content.decode()
    assert fragment.lstrip().startswith('<section id="agreement"')


def test_without_two_judgments_of_a_pair_agreement_says_how_to_get_it(
    client: Any, project: Any, curator: User
) -> None:
    make_comparison(project)
    judge_for(make_member(project), project, "Good.")
    assert "Ask for two or more judgments" in page(client, "agreement", project.slug)


def test_accounts_without_a_password_are_told_apart(client: Any, project: Any) -> None:
    client.force_login(make_member(project, Role.ADMIN))
    for name, is_superuser in (
        ("demo-labeler", False), ("simulated-3", False), ("root", True), ("left-over", False),
    ):  # fmt: skip
        user = make_member(project, name=name)
        user.is_superuser = is_superuser
        user.set_unusable_password()
        user.save()
    make_member(project, name="simulated-x")
    page = client.get(reverse("members", args=[project.slug])).content.decode()
    words = {
        name: re.findall(rf"<strong>{name}</strong>.*?</th>", page, re.DOTALL)[0]
        for name in ("demo-labeler", "simulated-3", "root", "left-over", "simulated-x")
    }
    assert ">demo</span>" in words["demo-labeler"]
    assert ">simulated</span>" in words["simulated-3"]
    assert ">superuser, no password</span>" in words["root"]
    assert ">no password</span>" in words["left-over"]
    assert "badge" not in words["simulated-x"], "it signs in with a password"
    assert "invited" not in page
