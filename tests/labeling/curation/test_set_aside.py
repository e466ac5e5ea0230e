"""A comparison that cannot be shown is set aside, and whoever would have got it gets the next."""

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from labeling.curation.flags import withdraw_comparison
from labeling.curation.set_aside import hand_out_again, set_aside
from labeling.material.shown import showing
from labeling.models import (
    Assignment,
    AuditEntry,
    Comparison,
    ComparisonResponse,
    Gold,
    Judgment,
    Project,
    Prompt,
    Role,
    User,
)
from labeling.pages.judging import labeling as page
from labeling.queue import handout
from labeling.templatetags import interface
from labeling.templatetags.interface import excerpt
from tests.factories import (
    claim_and_judge,
    make_comparison,
    make_member,
    make_project,
    make_prompt,
)

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def project() -> Project:
    return make_project(random_share=0)


@pytest.fixture
def ada(project: Project) -> User:
    return make_member(project, name="ada")


def queue(project: Project, *prompts: str, **fields) -> list[Comparison]:
    """In this order."""
    return [
        make_comparison(project, prompt=make_prompt(project, text), priority=-place, **fields)
        for place, text in enumerate(prompts)
    ]


def damage(comparison: Comparison, messages: object = None) -> None:
    Prompt.objects.filter(pk=comparison.prompt_id).update(messages=messages or [{"role": "user"}])


def set_aside_count() -> int:
    return Comparison.objects.filter(set_aside_at__isnull=False).count()


def reason_of(comparison: Comparison | None = None) -> str:
    rows = Comparison.objects.filter(set_aside_at__isnull=False)
    return rows.get(**{"pk": comparison.pk} if comparison else {}).set_aside_reason


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def label(client: Client, project: Project):
    return client.get(reverse("label", args=[project.slug]))


def answer(client: Client, assignment: Assignment, **fields):
    url = reverse("judge", args=[assignment.uuid])
    return client.post(url, {"choice": "left", **fields}, headers=HTMX)


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([], "Its prompt has no messages."),
        ("text", "Its prompt has no messages."),
        ([{"role": "user"}], "Message 1 of its prompt has no text as “content”."),
        ([{"role": "user", "content": "x"}, "y"], "Message 2 of its prompt has no text as “role”."),
        ([{"role": "user", "content": None}], "Message 1 of its prompt has no text as “content”."),
        (
            [{"role": "user", "content": "x" * 1_500_000}] * 9,
            "Its texts have 13,500,009 characters",
        ),
        ([{"role": "user", "content": "x"}] * 2_000, "Its prompt has 2,000 messages"),
    ],
)
def test_what_is_no_prompt_or_no_page_is_set_aside_and_the_next_one_comes(
    project: Project, ada: User, messages: object, reason: str
) -> None:
    bad, _ = queue(project, "Bad?", "Good one?")
    Prompt.objects.filter(pk=bad.prompt_id).update(messages=messages)
    response = label(client_of(ada), project)
    assert response.status_code == 200
    assert "Good one?" in response.text
    assert reason_of(bad).startswith(reason)
    bad.refresh_from_db()
    assert (bad.state, bad.slots_left) == (Comparison.State.WITHDRAWN, 0)


def test_missing_responses_set_a_comparison_aside(project: Project, ada: User) -> None:
    bad, _ = queue(project, "Bad?", "Good one?")
    ComparisonResponse.objects.filter(comparison=bad, position=0).delete()
    assert "Good one?" in label(client_of(ada), project).text
    assert reason_of() == "Responses that it names are not there."


def test_a_text_that_breaks_the_formatting_is_set_aside(
    project: Project, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(project, "Bad?", "Good one?")
    render = showing.render_markdown

    def break_at(text, *budget):
        if text == "Bad?":
            raise RecursionError("too deep")
        return render(text, *budget)

    monkeypatch.setattr(showing, "render_markdown", break_at)
    assert "Good one?" in label(client_of(ada), project).text
    assert reason_of() == "Formatting failed: RecursionError: too deep"


def test_nothing_is_set_aside_when_the_formatting_itself_is_broken(
    project: Project, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(project, "One?", "Two?")
    monkeypatch.setattr(showing, "render_markdown", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        label(client_of(ada), project)
    assert set_aside_count() == 0


def test_its_slot_goes_back_and_nobody_gets_it_again(project: Project, ada: User) -> None:
    bad, good = queue(project, "Bad?", "Good one?", wanted=2)
    damage(bad)
    bob = make_member(project)
    for labeler in (ada, bob):
        assert "Good one?" in label(client_of(labeler), project).text
    assert Assignment.objects.get(comparison=bad).state == Assignment.State.RELEASED
    assert Assignment.objects.filter(comparison=good).count() == 2


def test_an_answer_is_saved_and_the_one_after_the_damaged_comes(
    project: Project, ada: User
) -> None:
    _, bad, _ = queue(project, "First?", "Bad?", "Third one?")
    damage(bad)
    client = client_of(ada)
    label(client, project)
    response = answer(client, Assignment.objects.get())
    assert response.status_code == 200
    assert "Third one?" in response.text
    assert Judgment.objects.count() == 1


def test_what_is_made_ready_ahead_is_never_a_damaged_one(project: Project, ada: User) -> None:
    _, bad, _ = queue(project, "First?", "Bad?", "Third one?")
    damage(bad)
    client = client_of(ada)
    label(client, project)
    first = Assignment.objects.get()
    url = reverse("ahead", args=[project.slug])
    response = client.post(url, {"on_screen": str(first.uuid)}, headers=HTMX)
    assert "Third one?" in response.text
    damage(Comparison.objects.get(prompt__messages__0__content="Third one?"))
    response = client.post(url, {"on_screen": str(first.uuid)}, headers=HTMX)
    assert response.status_code == 204
    assert set_aside_count() == 2


def test_a_saved_answer_is_no_error_whatever_becomes_of_the_next(
    project: Project, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(project, "First?", "Second?")
    client = client_of(ada)
    label(client, project)
    monkeypatch.setattr(page, "view_or_next", lambda *_: 1 / 0)
    response = answer(client, Assignment.objects.get(), today="3")
    assert response.status_code == 200
    assert "What you answered is saved." in response.text
    assert 'data-announce="Saved."' in response.text
    assert Judgment.objects.count() == 1


def test_a_plain_form_goes_on_after_a_saved_answer_too(
    project: Project, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(project, "First?", "Second?")
    client = client_of(ada)
    label(client, project)
    monkeypatch.setattr(page, "_note", lambda *_: 1 / 0)
    url = reverse("judge", args=[Assignment.objects.get().uuid])
    assert client.post(url, {"choice": "left"}).status_code == 302
    assert Judgment.objects.count() == 1


def test_one_request_sets_ten_aside_and_the_waiting_page_goes_on(
    project: Project, ada: User
) -> None:
    for comparison in queue(project, *(f"Bad {n}?" for n in range(12))):
        damage(comparison)
    client = client_of(ada)
    assert "cannot be shown" in label(client, project).text
    assert set_aside_count() == 10
    assert "All done" in label(client, project).text
    assert set_aside_count() == 12


def test_an_undone_answer_whose_comparison_is_damaged_gives_the_next(
    project: Project, ada: User
) -> None:
    first, _ = queue(project, "First?", "Second one?")
    client = client_of(ada)
    claim_and_judge(ada, project)
    damage(first)
    response = client.post(reverse("undo", args=[project.slug]), headers=HTMX)
    assert "Second one?" in response.text
    assert "Your last comparison cannot be shown" in response.text


def test_damaged_gold_is_not_handed_out_again(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(random_share=0, gold_share=0.5)
    monkeypatch.setattr("labeling.queue.handout.random.random", lambda: 0.0)
    for name in ("ada in it", "bob"):
        make_member(project, name=name)
    bad = make_comparison(project, prompt=make_prompt(project, "Bad?"))
    Comparison.objects.update(state=Comparison.State.CHECK, slots_left=0)
    Gold.objects.create(
        project=project, comparison=bad, expected=[[1], [2]], origin="truncated",
        released_at=timezone.now(),
    )  # fmt: skip
    queue(project, "Good one?", wanted=2)
    damage(bad)
    for labeler in User.objects.filter(memberships__project=project):
        assert "Good one?" in label(client_of(labeler), project).text
    bad.refresh_from_db()
    assert bad.state == Comparison.State.CHECK
    assert bad.set_aside_at is not None
    assert Assignment.objects.filter(comparison=bad).count() == 1


def test_a_curator_sees_why_and_restores_it(project: Project, ada: User) -> None:
    (bad,) = queue(project, "Bad?", wanted=2)
    messages = bad.prompt.messages
    claim_and_judge(make_member(project), project)
    damage(bad)
    label(client_of(ada), project)
    curator = client_of(make_member(project, Role.CURATOR))
    shown = curator.get(reverse("flagged", args=[project.slug])).text
    assert "Message 1 of its prompt has no text" in shown
    damage(bad, messages)
    curator.post(reverse("flagged-restore", args=[project.slug, bad.pk]))
    bad.refresh_from_db()
    assert (bad.state, bad.slots_left) == (Comparison.State.OPEN, 1)
    assert set_aside_count() == 0
    assert "Bad?" in label(client_of(ada), project).text
    actions = AuditEntry.objects.filter(target_type="comparison").order_by("pk")
    assert [entry.action for entry in actions] == ["set aside", "restore"]


def test_labelers_and_other_projects_restore_nothing(project: Project, ada: User) -> None:
    (bad,) = queue(project, "Bad?")
    damage(bad)
    client = client_of(ada)
    label(client, project)
    url = reverse("flagged-restore", args=[project.slug, bad.pk])
    assert client.post(url).status_code in (403, 404)
    other = make_project()
    assert not hand_out_again(other, make_member(other, Role.ADMIN), bad.pk)
    assert set_aside_count() == 1


def test_setting_aside_twice_changes_nothing(project: Project, ada: User) -> None:
    queue(project, "Bad?")
    assignment = handout.current_or_next(ada, project)
    assert assignment is not None
    set_aside(assignment, "first\x00")
    set_aside(assignment, "second")
    assert reason_of() == "first�"
    assert AuditEntry.objects.filter(action="set aside").count() == 1


def test_an_answer_from_a_page_that_was_open_is_kept(project: Project, ada: User) -> None:
    queue(project, "Bad?")
    assignment = handout.current_or_next(ada, project)
    assert assignment is not None
    set_aside(assignment, "gone")
    assert answer(client_of(ada), assignment).status_code == 200
    assert Judgment.objects.get().is_surplus


@pytest.mark.parametrize("values", [{"set_aside_at": timezone.now()}, {"set_aside_reason": "x"}])
def test_a_comparison_is_set_aside_with_a_reason_or_not_at_all(
    project: Project, values: dict[str, object]
) -> None:
    queue(project, "One?")
    with pytest.raises(IntegrityError), transaction.atomic():
        Comparison.objects.update(**values)


def test_what_a_curator_has_withdrawn_stays_withdrawn(project: Project, ada: User) -> None:
    (bad,) = queue(project, "Bad?")
    client = client_of(ada)
    label(client, project)
    curator = make_member(project, Role.CURATOR)
    assert withdraw_comparison(project, curator, bad.pk)
    damage(bad)
    assert "All done" in label(client, project).text
    assert set_aside_count() == 0
    assert not hand_out_again(project, curator, bad.pk)


def test_curators_and_ones_own_answers_show_a_damaged_prompt_as_it_is(
    project: Project, ada: User
) -> None:
    (bad,) = queue(project, "Bad?")
    judgment = claim_and_judge(ada, project).judgment
    damage(bad, [{"role": "user", "content": 7}])
    client = client_of(ada)
    mine = client.get(reverse("my-judgment", args=[project.slug, judgment.pk]))
    assert "&#x27;content&#x27;: 7" in mine.text
    assert client.get(reverse("my-work", args=[project.slug])).status_code == 200
    curator = client_of(make_member(project, Role.CURATOR))
    preference = bad.preferences.get()
    page = curator.get(reverse("preference", args=[project.slug, preference.pk]))
    assert "&#x27;content&#x27;: 7" in page.text


def test_an_excerpt_looks_at_the_beginning_only(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = []
    monkeypatch.setattr(interface, "truncatechars", lambda text, _: lengths.append(len(text)))
    excerpt("a" + "\u0301\u0316" * 200_000, 80)
    assert lengths == [320]
