"""In whose time zone pages are: the reader's for times and for their own day, the server's for
what a project's pages count by day."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from labeling.models import Judgment, Project, Role, User
from labeling.people import clock
from tests.factories import claim_and_judge, client_with_token, make_comparisons, make_member
from tests.factories import make_project as make_a_project

pytestmark = pytest.mark.django_db

NIGHT = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)  # 11 March, 08:30 in Tokyo


@pytest.fixture
def project() -> Project:
    return make_a_project()


@pytest.fixture
def ada(project: Project) -> User:
    return make_member(project, name="ada")


def at(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    monkeypatch.setattr(timezone, "now", lambda: moment)


def judge_at(ada: User, project: Project, moment: datetime) -> None:
    judgment = claim_and_judge(ada, project).judgment
    Judgment.objects.filter(pk=judgment.pk).update(created_at=moment)


def page(client: Client, name: str, *args: Any) -> str:
    return client.get(reverse(name, args=args)).content.decode()


def signed_in(user: User, zone: str = "") -> Client:
    client = Client()
    client.force_login(user)
    if zone:
        client.cookies["timezone"] = zone
    return client


def test_times_are_those_of_the_browser_and_say_so(ada: User, project: Project) -> None:
    make_comparisons(project, 1)
    judge_at(ada, project, NIGHT)
    text = page(signed_in(ada, "Asia/Tokyo"), "my-work", project.slug)
    assert '<time datetime="2026-03-11T08:30:00+09:00"' in text
    assert re.search(r">11 Mar[^<]*, 08:30</time>", text)
    assert "Times are those of Asia/Tokyo (UTC+9)." in text


def test_the_account_goes_before_the_browser(ada: User, project: Project) -> None:
    client = signed_in(ada, "Asia/Tokyo")
    sent = client.post(reverse("account-timezone"), {"timezone": "America/St_Johns"}, follow=True)
    assert "Your time zone is saved." in sent.content.decode()
    assert "America/St_Johns (UTC−" in page(client, "my-work", project.slug)
    client.post(reverse("account-timezone"), {"timezone": ""})
    assert "Asia/Tokyo (UTC+9)" in page(client, "my-work", project.slug)


@pytest.mark.parametrize("zone", ["", "Nowhere/Land", "../../etc/passwd", "x" * 4000, "Etc/GMT-14"])
def test_without_a_zone_that_exists_times_are_the_servers_and_say_so(
    ada: User, project: Project, zone: str
) -> None:
    assert "Times are those of UTC." in page(signed_in(ada, zone), "my-work", project.slug)
    refused = signed_in(ada).post(reverse("account-timezone"), {"timezone": zone or "Nowhere"})
    assert refused.status_code == 422


def test_a_zone_does_not_stay_for_the_next_request(ada: User, project: Project) -> None:
    page(signed_in(ada, "Asia/Tokyo"), "my-work", project.slug)
    assert str(timezone.get_current_timezone()) == "UTC"
    assert "Times are those of UTC." in page(signed_in(ada), "my-work", project.slug)


def test_a_labelers_day_ends_at_their_own_midnight(
    ada: User, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_comparisons(project, 3)
    judge_at(ada, project, NIGHT - timedelta(hours=10))
    judge_at(ada, project, NIGHT)
    at(monkeypatch, NIGHT + timedelta(minutes=10))
    for zone, today in (("UTC", 2), ("Asia/Tokyo", 1), ("America/New_York", 2)):
        client = signed_in(ada, zone)
        assert f'<strong id="today">{today}</strong>' in page(client, "label", project.slug)
        assert f"{today} judged by you today" in page(client, "home")


def test_a_projects_day_is_the_servers_for_everybody_and_says_so(
    ada: User, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_comparisons(project, 3)
    judge_at(ada, project, NIGHT - timedelta(hours=10))
    judge_at(ada, project, NIGHT)
    at(monkeypatch, NIGHT + timedelta(minutes=10))
    curator = make_member(project, Role.CURATOR)
    for zone in ("UTC", "Asia/Tokyo", "America/New_York"):
        client = signed_in(curator, zone)
        assert "2 today (UTC)" in page(client, "project", project.slug)
        assert "Days are those of UTC." in page(client, "curation", project.slug)
        rows = page(client, "preferences", project.slug)
        days = client.get(
            reverse("preferences", args=[project.slug]), {"judged_on": "2026-03-10"}
        ).content.decode()
        assert rows.count('name="ids"') == days.count('name="ids"')


def test_nobody_chooses_when_their_own_measures_are_brought_up_to_date(
    ada: User, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[datetime] = []
    monkeypatch.setattr("labeling.quality.labelers.measure_everybody", note_at(asked))
    for zone in ("UTC", "Asia/Tokyo", "Pacific/Kiritimati"):
        with pytest.raises(AssertionError):
            page(signed_in(ada, zone), "my-work", project.slug)
    assert set(asked) == {clock.server_midnight()}


def note_at(asked: list[datetime]) -> Any:
    def measure(*_args: Any, at: datetime, **_more: Any) -> Any:
        asked.append(at)
        raise AssertionError("noted")

    return measure


def test_programs_get_utc(ada: User, project: Project, settings: Any) -> None:
    make_comparisons(project, 1)
    judge_at(ada, project, NIGHT)
    program = client_with_token(make_member(project, Role.ADMIN))
    program.cookies["timezone"] = "Asia/Tokyo"
    answer = program.get(reverse("api-judgments", args=[project.slug])).content.decode()
    assert "2026-03-10T23:30:00" in answer
    assert "+09:00" not in answer


def test_every_time_on_a_page_is_marked_as_one() -> None:
    """A date that a template writes by itself has no zone and no machine's form."""
    from django.conf import settings

    bare = [
        f"{path.name}: {line.strip()[:80]}"
        for path in (settings.BASE_DIR / "templates").rglob("*.html")
        for line in path.read_text().splitlines()
        if re.search(r'\|(date|time):"', line)
    ]
    assert bare == []
