"""Pages and streams at their limits: none, one, just as many, and more than any database counts."""

import io
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from labeling.api.conventions import streams
from labeling.api.conventions.parameters import MAX_PAGE
from labeling.importing import import_file
from labeling.models import Preference, Project, Role
from tests.factories import (
    claim_and_judge,
    client_with_token,
    make_comparison,
    make_member,
    make_project,
)

ROWS = 4


@pytest.fixture
def project(db: Any) -> Project:
    project = make_project()
    rows = [{"prompt": f"Q{n}?", "chosen": "a", "rejected": "b"} for n in range(ROWS)]
    content = "\n".join(map(json.dumps, rows)).encode()
    import_file(project, None, io.BytesIO(content), name="made")
    return project


@pytest.fixture
def curator(project: Project) -> Client:
    return client_with_token(make_member(project, Role.CURATOR))


def get(client: Client, project: Project, query: str, what: str = "preferences") -> Any:
    return client.get(f"/api/v1/projects/{project.slug}/{what}/?{query}")


def stream(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.content
    return [json.loads(line) for line in answer.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("limit", "has_next"), [(ROWS - 1, True), (ROWS, False), (ROWS + 1, False)]
)
def test_only_a_page_with_more_behind_it_leads_on(
    project: Project, curator: Client, limit: int, has_next: bool
) -> None:
    page = get(curator, project, f"limit={limit}").json()
    assert len(page["results"]) == min(limit, ROWS)
    assert (page["next"] is not None) is has_next
    assert "cursor" not in page


def test_a_page_holds_a_hundred_rows_unless_it_is_told(
    project: Project, curator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    page_of = streams.page_of

    def noted(rows: Any, size: int) -> Any:
        sizes.append(size)
        return page_of(rows, size)

    monkeypatch.setattr(streams, "page_of", noted)
    get(curator, project, "")
    get(curator, project, f"limit={MAX_PAGE}")
    assert sizes == [100, MAX_PAGE]


@pytest.mark.parametrize("what", ["preferences", "judgments"])
@pytest.mark.parametrize("query", ["", "cursor="])
def test_a_project_without_rows_has_one_empty_page(what: str, query: str, db: Any) -> None:
    project = make_project()
    client = client_with_token(make_member(project, Role.CURATOR))
    page = get(client, project, query, what).json()
    assert (page["results"], page["next"]) == ([], None)
    answer = get(client, project, f"{query}&format=jsonl", what)
    assert answer.getvalue() == b""


def test_the_next_page_keeps_every_filter(project: Project, curator: Client) -> None:
    query = "limit=1&split=train&split=dev,test,calibration&style=text&min_weight=0.25"
    address = get(curator, project, query).json()["next"]
    asked = parse_qs(urlsplit(address).query)
    first = Preference.objects.earliest("id")
    assert asked.pop("after") == [str(first.pk)]
    assert asked == {
        "limit": ["1"],
        "split": ["train", "dev,test,calibration"],
        "style": ["text"],
        "min_weight": ["0.25"],
    }
    assert urlsplit(address).path == f"/api/v1/projects/{project.slug}/preferences/"


def test_a_page_after_the_last_row_is_empty(project: Project, curator: Client) -> None:
    last = Preference.objects.latest("id")
    assert get(curator, project, f"after={last.pk}").json() == {"results": [], "next": None}


@pytest.mark.parametrize("after", [2**31, 2**63, 10**30])
@pytest.mark.parametrize("what", ["preferences", "judgments"])
def test_an_id_that_no_row_has_is_beyond_all(
    project: Project, curator: Client, what: str, after: int
) -> None:
    assert get(curator, project, f"after={after}", what).json()["results"] == []


@pytest.mark.parametrize("limit", [1, ROWS, ROWS + 1, 2**31, 2**63 - 1, 2**63, 10**30])
@pytest.mark.parametrize("more", ["", "&cursor="])
def test_a_stream_ends_at_its_limit_or_with_the_rows(
    project: Project, curator: Client, more: str, limit: int
) -> None:
    rows = stream(get(curator, project, f"format=jsonl&limit={limit}{more}"))
    assert len(rows) == min(limit, ROWS)


def test_a_stream_of_judgments_is_limited_alike(project: Project, curator: Client) -> None:
    labeler = make_member(project)
    for _ in range(2):
        make_comparison(project)
        claim_and_judge(labeler, project)
    for more in ("", "&cursor="):
        query = f"format=jsonl&limit={10**30}{more}"
        assert len(stream(get(curator, project, query, "judgments"))) == 2
        assert len(stream(get(curator, project, f"format=jsonl&limit=1{more}", "judgments"))) == 1


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=1.5", "limit=", "limit=x"])
def test_a_limit_that_is_no_number_of_rows_is_refused(
    project: Project, curator: Client, query: str
) -> None:
    for more in ("", "&format=jsonl", "&cursor="):
        answer = get(curator, project, query + more)
        assert answer.status_code == 400
        assert [error["field"] for error in answer.json()["errors"]] == ["limit"]


def test_ids_ascend_from_page_to_page_and_none_comes_twice(
    project: Project, curator: Client
) -> None:
    ids, address = [], f"/api/v1/projects/{project.slug}/preferences/?limit=1"
    while address:
        page = curator.get(address).json()
        ids += [row["id"] for row in page["results"]]
        address = page["next"]
    assert ids == sorted(set(ids))
    assert len(ids) == ROWS


def test_a_cursor_is_in_header_and_body_and_the_same(project: Project, curator: Client) -> None:
    answer = get(curator, project, "cursor=&limit=2")
    page = answer.json()
    assert answer[streams.CURSOR_HEADER] == page["cursor"]
    assert parse_qs(urlsplit(page["next"]).query)["cursor"] == [page["cursor"]]
    rest = get(curator, project, f"cursor={page['cursor']}&limit=2").json()
    assert len(rest["results"]) == 2
    assert rest["next"] is None


@given(st.lists(st.binary(max_size=40), max_size=30), st.integers(1, 64))
def test_a_stream_in_pieces_is_the_same_lines(lines: list[bytes], size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "CHUNK_BYTES", size)
        chunks = list(streams._chunks(lines))
    assert b"".join(chunks) == b"".join(lines)
    assert all(len(chunk) >= size for chunk in chunks[:-1])
