"""Pages of gold and of flagged comparisons: forms with bad input, and other projects' rows."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from labeling.judging.recording import Answer
from labeling.models import (
    AuditEntry,
    Comparison,
    FlagCategory,
    Gold,
    Judgment,
    Project,
    Role,
    User,
)
from labeling.pages.curation import gold as gold_pages
from labeling.quality import gold_release
from labeling.quality.gold_files import add_gold_file
from tests.factories import claim, judge, make_comparison, make_member, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def curator(project: Project, client: Client) -> User:
    curator = make_member(project, Role.CURATOR)
    client.force_login(curator)
    return curator


def bring_gold(project: Project, count: int = 1) -> list[Gold]:
    """Gold that waits for a curator."""
    rows = [
        {"prompt": f"Q{n} of {project.slug}?", "responses": ["yes", "no"], "expected": 1}
        | {"reason": "Known."}
        for n in range(count)
    ]
    file = SimpleUploadedFile("gold.jsonl", "\n".join(map(json.dumps, rows)).encode())
    add_gold_file(project, None, file, name="gold.jsonl")
    return list(project.golds.order_by("pk"))


def said(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def post(client: Client, name: str, project: Project, data: Any = None, *args: int) -> Any:
    return client.post(reverse(name, args=[project.slug, *args]), data or {}, follow=True)


# Deciding


@pytest.mark.parametrize("decision", ["", "keep", "RELEASE"])
def test_a_decision_that_is_none_decides_nothing(
    client: Client, project: Project, curator: User, decision: str
) -> None:
    (gold,) = bring_gold(project)
    answer = post(client, "gold-decide", project, {"gold": gold.pk, "decision": decision})
    assert said(answer) == ["Choose what is to become of them: release or drop."]
    assert gold_release.waiting(project).count() == 1


@pytest.mark.parametrize(
    ("decision", "count", "words"),
    [
        ("release", 1, "1 gold comparison released."),
        ("release", 2, "2 gold comparisons released."),
        ("drop", 2, "2 gold comparisons dropped."),
    ],
)
def test_what_is_ticked_is_decided_and_counted(
    client: Client, project: Project, curator: User, decision: str, count: int, words: str
) -> None:
    golds = bring_gold(project, 3)
    ids = [gold.pk for gold in golds[:count]]
    answer = post(client, "gold-decide", project, {"gold": ids, "decision": decision})
    assert said(answer) == [words]
    assert gold_release.waiting(project).count() == 3 - count


def test_ids_that_are_none_count_as_not_ticked(
    client: Client, project: Project, curator: User
) -> None:
    bring_gold(project)
    data = {"gold": ["x", "", "-1", "9" * 30], "decision": "release"}
    assert said(post(client, "gold-decide", project, data)) == ["Nothing was ticked."]


def test_gold_of_another_project_is_not_decided_on(
    client: Client, project: Project, curator: User
) -> None:
    (theirs,) = bring_gold(make_project())
    data = {"gold": theirs.pk, "decision": "release"}
    assert said(post(client, "gold-decide", project, data)) == [
        "Somebody has decided on it already."
    ]
    theirs.refresh_from_db()
    assert theirs.released_at is None
    assert client.get(reverse("gold", args=[project.slug, theirs.pk])).status_code == 404


@pytest.mark.parametrize("after", ["x", "-1", "9" * 30, ""])
def test_a_place_that_is_none_begins_at_the_first(
    client: Client, project: Project, curator: User, after: str
) -> None:
    first, _second = bring_gold(project, 2)
    answer = client.get(reverse("gold-look", args=[project.slug]), {"after": after})
    assert answer["Location"] == reverse("gold", args=[project.slug, first.pk])


def test_after_the_last_the_first_comes_again_until_none_waits(
    client: Client, project: Project, curator: User
) -> None:
    first, second = bring_gold(project, 2)
    look = reverse("gold-look", args=[project.slug])
    assert client.get(look, {"after": second.pk})["Location"].endswith(f"/gold/{first.pk}/")
    assert client.get(look, {"after": first.pk})["Location"].endswith(f"/gold/{second.pk}/")
    gold_release.drop(project, curator, [first.pk, second.pk])
    assert client.get(look)["Location"] == reverse("quality-control", args=[project.slug])


# Making and approving


@pytest.mark.parametrize("count", ["", "0", "x", "-1", "1.5", "99999", "9" * 400])
def test_a_number_of_gold_that_is_none_makes_none(
    client: Client, project: Project, curator: User, count: str
) -> None:
    (words,) = said(post(client, "gold-make", project, {"count": count, "rule": "truncated"}))
    assert words.startswith("Between 1 and ")
    assert not project.golds.exists()


@pytest.mark.parametrize("rules", [[], ["guessed"], ["truncated", "guessed"]])
def test_gold_is_made_by_rules_that_there_are(
    client: Client, project: Project, curator: User, rules: list[str]
) -> None:
    answer = post(client, "gold-make", project, {"count": "1", "rule": rules})
    assert said(answer) == ["Choose at least one of: cut off, shuffled, off topic."]


def test_ticks_that_fit_nothing_approve_nothing(
    client: Client, project: Project, curator: User
) -> None:
    answer = post(client, "gold-approve", project, {"preference": ["x", "9" * 30, "1"]})
    assert said(answer) == ["Nothing was ticked that can become gold."]


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(
    client: Client, project: Project, curator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gold_pages, "MAX_UPLOAD_BYTES", 2**20)
    data = {"file": SimpleUploadedFile("gold.jsonl", b" " * (2**20 + 1))}
    answer = post(client, "gold-bring", project, data)
    assert answer.status_code == 422
    assert answer.context["file_problem"] == "The file is larger than 1 MB."


# Flags


def flag(project: Project, category: str) -> Comparison:
    comparison = make_comparison(project)
    assignment = claim(make_member(project), project)
    assert assignment is not None

    judge(assignment, Answer(Judgment.Kind.FLAG, flag=category))
    return comparison


def test_flags_are_shown_by_category_and_an_unknown_one_filters_nothing(
    client: Client, project: Project, curator: User
) -> None:
    first, second = FlagCategory.values[:2]
    for category in (first, second, second):
        flag(project, category)
    url = reverse("flagged", args=[project.slug])
    rows = {
        category: len(client.get(url, {"category": category}).context["page"].flags)
        for category in (first, second, "", "no-such")
    }
    assert rows == {first: 1, second: 2, "": 3, "no-such": 3}
    counts = {value: count for value, _text, count in client.get(url).context["categories"]}
    assert (counts[first], counts[second], sum(counts.values())) == (1, 2, 3)


def test_a_comparison_is_withdrawn_once_and_only_in_its_project(
    client: Client, project: Project, curator: User
) -> None:
    mine, theirs = flag(project, FlagCategory.values[0]), make_comparison(make_project())
    done = "Withdrawn: nobody is asked about it any more."
    too_late = "Nothing to withdraw: it is no longer open."
    assert said(post(client, "flagged-withdraw", project, None, mine.pk)) == [done]
    assert said(post(client, "flagged-withdraw", project, None, mine.pk)) == [too_late]
    assert said(post(client, "flagged-withdraw", project, None, theirs.pk)) == [too_late]
    theirs.refresh_from_db()
    assert theirs.state == Comparison.State.OPEN
    assert AuditEntry.objects.filter(action="withdraw").count() == 1


def test_what_was_not_set_aside_is_not_restored(
    client: Client, project: Project, curator: User
) -> None:
    comparison = make_comparison(project)
    answer = post(client, "flagged-restore", project, None, comparison.pk)
    assert said(answer) == ["Nothing to restore: it is no longer set aside."]
