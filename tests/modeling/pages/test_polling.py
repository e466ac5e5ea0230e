"""Parts of a page that are asked for again and again: sent only when they have changed."""

import pytest
from django.http import HttpRequest
from django.test import RequestFactory

from modeling.pages.polling import (
    CSRF_TOKEN,
    DRAWN,
    SEEN,
    PagePart,
    answer_poll,
    render_part,
    with_marks,
)

LIVE = PagePart("live-1", lambda: f'<p hx-get="?seen={SEEN}&amp;drawn={DRAWN}">5 waiting</p>')
CHARTS = PagePart("charts-1", lambda: "<figure hx-swap-oob></figure>")


def ask(**marks: str) -> HttpRequest:
    return RequestFactory().get("/", marks)


def test_nothing_new_is_answered_with_nothing() -> None:
    answer = answer_poll(ask(seen="live-1", drawn="charts-1"), LIVE, CHARTS)
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_page_without_charts_is_asked_for_its_live_part_alone() -> None:
    assert answer_poll(ask(seen="live-1"), LIVE).status_code == 204
    assert answer_poll(ask(seen="live-1", drawn="whatever"), LIVE).status_code == 204


@pytest.mark.parametrize("marks", [{}, {"seen": "live-0", "drawn": "charts-1"}])
def test_a_live_part_that_changed_is_sent_with_its_new_mark(marks: dict[str, str]) -> None:
    body = answer_poll(ask(**marks), LIVE, CHARTS).content.decode()
    assert '?seen=live-1&amp;drawn=charts-1"' in body
    assert (SEEN in body, DRAWN in body) == (False, False)
    assert ("<figure" in body) == (marks.get("drawn") != "charts-1")


def test_charts_that_changed_bring_the_live_part_along_for_its_mark() -> None:
    """Without it the next question would carry the old mark, and get the charts again."""
    body = answer_poll(ask(seen="live-1", drawn="charts-0"), LIVE, CHARTS).content.decode()
    assert "5 waiting" in body and "<figure" in body


def test_charts_are_not_made_for_a_page_that_has_them() -> None:
    def dear() -> str:
        raise AssertionError("it was rendered")

    answer = answer_poll(ask(seen="live-0", drawn="charts-1"), LIVE, PagePart("charts-1", dear))
    assert answer.status_code == 200


def test_a_page_that_draws_nothing_carries_an_empty_mark() -> None:
    assert with_marks(LIVE) == '<p hx-get="?seen=live-1&amp;drawn=">5 waiting</p>'


def test_a_token_that_is_masked_anew_is_no_change() -> None:
    one, other = (f'<input name="csrfmiddlewaretoken" value="{mask}">' for mask in ("a1", "b2"))
    assert CSRF_TOKEN.sub("", one) == CSRF_TOKEN.sub("", other)


def hint(progress: float) -> PagePart:
    prospect = {"has_run": True, "progress": progress, "seconds_left": None}
    context = {"project": {"slug": "tea"}, "every": 5, "outlook": {"prospect": prospect}}
    return render_part(ask(), "modeling/loop/_queue-hint.html", context)


def test_the_mark_of_a_part_follows_what_it_shows() -> None:
    assert hint(0.5).mark == hint(0.5).mark != hint(0.6).mark
    assert len(hint(0.5).mark) == 16
    assert SEEN in hint(0.5).html(), "a part that is not sent has no marks yet"
