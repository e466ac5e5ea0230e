"""What templates are helped with: times, excerpts, headings, shares, and answers given before."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.template import Context, Template
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from labeling.models import Project, Role
from labeling.templatetags import times
from labeling.templatetags.given_answers import before, pressed, ticked
from labeling.templatetags.interface import excerpt, project_url
from labeling.templatetags.labeling_shares import percentage
from labeling.templatetags.markdown import markdown

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOON)


@pytest.fixture
def elsewhere() -> Iterator[None]:
    with timezone.override("America/New_York"):
        yield


def text_of(element: str) -> str:
    return element.split(">", 1)[1].rsplit("<", 1)[0]


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (NOON, "12:00"),
        (NOON - timedelta(hours=12), "00:00"),
        (NOON - timedelta(hours=12, minutes=1), "29 Nov, 23:59"),
        (NOON + timedelta(days=1), "1 Dec, 12:00"),
        (NOON.replace(year=2025), "30 Nov 2025, 12:00"),
        (datetime(1, 1, 1, tzinfo=UTC), "1 Jan 1, 00:00"),
    ],
)
@pytest.mark.usefixtures("at_noon")
def test_a_moment_says_as_much_of_its_day_as_is_needed(at: datetime, shown: str) -> None:
    assert text_of(times.moment(at)) == shown


@pytest.mark.usefixtures("at_noon", "elsewhere")
def test_today_is_the_readers_day() -> None:
    assert text_of(times.moment(NOON - timedelta(hours=7))) == "00:00"
    assert text_of(times.moment(NOON - timedelta(hours=7, minutes=1))) == "29 Nov, 23:59"
    assert "America/New_York (UTC−5)" in times.moment(NOON)


@pytest.mark.parametrize("shown", [times.moment, times.exact, times.day])
def test_a_time_that_is_not_there_shows_nothing(shown: Any) -> None:
    assert shown(None) == ""


def test_machines_read_the_whole_moment() -> None:
    at = NOON.replace(second=9)
    assert 'datetime="2026-11-30T12:00:09+00:00"' in times.day(at)
    assert (text_of(times.exact(at)), text_of(times.day(at))) == (
        "30 Nov 2026, 12:00:09",
        "30 Nov 2026",
    )


@given(st.text(max_size=300), st.integers(2, 80))
def test_an_excerpt_is_the_beginning_of_its_text(text: str, length: int) -> None:
    shown = excerpt(text, length)
    assert len(shown) <= 4 * length  # marks above letters take no room of their own
    assert shown == text or shown.endswith("…")


def test_an_excerpt_of_a_short_text_is_the_text() -> None:
    assert excerpt("Zoë 李", 6) == "Zoë 李"
    assert excerpt("abcdefg", 6) == "abcde…"
    assert excerpt(None, 6) == "None"


def test_an_excerpt_of_a_text_of_marks_takes_no_minutes() -> None:
    marks = "a" + "\N{COMBINING ACUTE ACCENT}" * 1_000_000
    assert len(excerpt(marks, 90)) <= 4 * 90


@pytest.mark.parametrize(("top", "tags"), [(2, ["h2", "h3"]), (4, ["h4", "h5"])])
def test_headings_begin_at_the_level_of_their_page(top: int, tags: list[str]) -> None:
    html = markdown("# One\n\n## Two\n\n<h1>no tag</h1> `<h2>`", top)
    assert [f"<{tag} " in html and f"</{tag}>" in html for tag in tags] == [True, True]
    assert "&lt;h1&gt;" in html
    assert "&lt;h2&gt;" in html


@pytest.mark.parametrize(
    ("share", "words"), [(0, "0 %"), (1, "100 %"), (0.1 + 0.2, "30 %"), (0.12345, "12.3 %")]
)
def test_a_share_is_shown_with_three_digits(share: float, words: str) -> None:
    assert percentage(share) == words


GIVEN = SimpleNamespace(choice="left", ticks=frozenset({("aspect-0", "left"), ("reasons", "x")}))


def test_only_what_was_answered_is_marked() -> None:
    assert ticked(GIVEN, "aspect-", 0, "left") == " checked"
    assert ticked(GIVEN, "aspect-", 1, "left") == ticked(GIVEN, "aspect-", 0, "right") == ""
    assert (pressed(GIVEN, "left"), pressed(GIVEN, "right")) == (" was-given", "")
    assert "your answer before" in before(GIVEN, "left")
    assert before(GIVEN, "right") == ""


@pytest.mark.parametrize("given_answer", [None, ""])
def test_without_an_earlier_answer_nothing_is_marked(given_answer: Any) -> None:
    assert ticked(given_answer, "reasons", "", "x") == ""
    assert pressed(given_answer, "left") == before(given_answer, "left") == ""


# Tabs


def tabs(role: Role | None) -> str:
    project = Project(slug="ours", name="Ours")
    if role:
        project.role_of_viewer = role
    template = Template("{% load interface %}{% tabs project %}preferences{% endtabs %}")
    return template.render(Context({"project": project}))


def test_each_role_has_the_tabs_of_those_below_it_and_more() -> None:
    roles = (None, Role.LABELER, Role.CURATOR, Role.ADMIN)
    nobody, labeler, curator, admin = (tabs(role).count("<li>") for role in roles)
    assert nobody == labeler < curator <= admin
    assert 'href="/projects/ours/settings/"' not in tabs(Role.CURATOR)
    assert 'href="/projects/ours/settings/"' in tabs(Role.ADMIN)


def test_only_the_open_tab_is_marked() -> None:
    assert tabs(Role.ADMIN).count('aria-current="page"') == 1
    assert tabs(Role.LABELER).count('aria-current="page"') == 0


def test_a_link_to_a_project_leads_labelers_to_work_and_others_to_the_loop() -> None:
    project = Project(slug="ours")
    assert project_url(project) == "/projects/ours/label/"
    assert (
        project_url(project, Role.CURATOR)
        == project_url(project, Role.ADMIN)
        != ("/projects/ours/label/")
    )
