"""The export page: what would come, what is left out and why, and a download that is just that."""

import csv
import io
import json
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.importing import import_file
from labeling.models import Preference, Project, Role
from labeling.preferences.shapes.files import FORMATS
from labeling.preferences.shapes.loading import FILE_TITLES, FILES, SHAPES
from labeling.preferences.shapes.styles import STYLES
from tests.factories import claim_and_judge, make_comparison, make_member, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    project = make_project(slug="ours")
    rows: list[dict[str, Any]] = [
        {"prompt": f"Q{n}?", "chosen": "<b>a", "rejected": "b"} for n in range(4)
    ]
    rows += [
        {"prompt": "Q0?", "chosen": "c", "rejected": "d"},
        {"prompt": "Tie?", "chosen": "e", "rejected": "f", "kind": "tie"},
        {"prompt": "Bad?", "chosen": "g", "rejected": "h", "kind": "both_bad"},
        {"prompt": "Odd?", "chosen": "i", "rejected": "j"},
    ]
    content = "\n".join(map(json.dumps, rows)).encode()
    import_file(project, None, io.BytesIO(content), name="made")
    odd = project.preferences.get(prompt__messages__0__content="Odd?")
    Preference.objects.filter(pk=odd.pk).update(excluded=True, excluded_reason="odd")
    return project


@pytest.fixture
def curator(project: Project, client: Client) -> Client:
    client.force_login(make_member(project, Role.CURATOR))
    return client


def opened(client: Client, **asked: str) -> Any:
    answer = client.get(reverse("export", args=["ours"]), asked)
    assert answer.status_code == 200, answer.content
    return answer


def test_what_is_left_out_is_said_with_its_reason(curator: Client) -> None:
    outlook = opened(curator).context["outlook"]
    assert outlook.preferences == 5
    assert outlook.left_out == [
        (1, "excluded by curators"),
        (1, "ties"),
        (1, "pairs where both are bad"),
    ]
    every = opened(
        curator, include_ties="on", include_both_bad="on", include_excluded="on", style="full"
    ).context["outlook"]
    assert (every.preferences, every.left_out) == (8, [])


def test_rows_that_a_shape_does_not_have_are_told(curator: Client, project: Project) -> None:
    verl = opened(curator, style="verl").context["outlook"]
    assert (verl.preferences, verl.left_out[-1]) == (4, (1, "of prompts that have a row already"))
    make_comparison(project)
    claim_and_judge(make_member(project), project)
    votes = opened(curator, style="judgments").context["outlook"]
    assert (votes.preferences, votes.left_out[-1]) == (1, (5, "that nobody here was asked about"))


def test_a_preference_that_is_being_judged_again_is_told(curator: Client) -> None:
    Preference.objects.filter(kind="tie").update(settled_at=None)
    outlook = opened(curator, include_ties="on").context["outlook"]
    assert (1, "being judged again") in outlook.left_out


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("format", FORMATS)
def test_the_download_is_what_was_foretold(curator: Client, style: str, format: str) -> None:
    page = opened(curator, style=style, format=format, split="train")
    outlook = page.context["outlook"]
    answer = curator.get(page.context["download"])
    assert (answer.status_code, answer["Content-Type"]) == (200, FORMATS[format].content_type)
    body = answer.getvalue()
    receipt = curator.get(answer["Export-Receipt"]).json()
    assert receipt["is_complete"] and receipt["bytes"] == len(body)
    assert receipt["asked"]["split"] == "train"
    factor = 2 if style == "trl-kto" else 1
    assert receipt["rows"] == factor * outlook.preferences


def test_the_filters_of_the_page_of_preferences_go_along(curator: Client) -> None:
    table = curator.get(reverse("preferences", args=["ours"]), {"q": "Q1", "kind": "prefer"})
    address = reverse("export", args=["ours"]) + "?q=Q1&amp;kind=prefer"
    assert address in table.content.decode()
    page = opened(curator, q="Q1", kind="prefer")
    assert page.context["outlook"].preferences == 1
    rows = curator.get(page.context["download"]).getvalue().splitlines()
    assert [json.loads(row)["prompt"][0]["content"] for row in rows] == ["Q1?"]


def test_what_was_excluded_can_be_exported_alone(curator: Client) -> None:
    page = opened(curator, state="excluded")
    assert page.context["outlook"].preferences == 1
    (row,) = curator.get(page.context["download"]).getvalue().splitlines()
    assert json.loads(row)["excluded_reason"] == "odd"


def test_a_kind_that_is_asked_for_is_in(curator: Client) -> None:
    page = opened(curator, kind="tie")
    assert page.context["outlook"].preferences == 1
    (row,) = curator.get(page.context["download"]).getvalue().splitlines()
    assert json.loads(row)["kind"] == "tie"


def test_what_a_shape_cannot_say_is_refused_in_words_and_not_offered(curator: Client) -> None:
    page = opened(curator, style="nemo-rl", include_ties="on")
    assert "has no place for ties" in page.context["outlook"].refusal
    assert b"export-download" not in page.content


def test_texts_of_others_are_texts(curator: Client) -> None:
    assert b"&lt;b&gt;a" in opened(curator).content
    assert b"<b>a" not in opened(curator).content


@pytest.mark.parametrize("asked", [{"style": "xml"}, {"format": "exe"}, {"split": "x"}])
def test_what_there_is_not_is_refused_in_words(curator: Client, asked: dict[str, str]) -> None:
    answer = curator.get(reverse("export", args=["ours"]), asked)
    assert answer.status_code == 422
    assert "There is no" in answer.content.decode()


@pytest.mark.parametrize("role", [Role.LABELER, None])
def test_others_neither_see_it_nor_the_receipts(
    project: Project, curator: Client, role: Role | None
) -> None:
    receipt = curator.get(opened(curator).context["download"])["Export-Receipt"]
    other = Client()
    other.force_login(make_member(project if role else make_project(), role or Role.ADMIN))
    for address in (reverse("export", args=["ours"]), receipt, receipt.rsplit("/", 2)[0] + "/"):
        assert other.get(address).status_code in (403, 404)


def test_the_latest_exports_stand_on_the_page(curator: Client) -> None:
    curator.get(opened(curator).context["download"]).getvalue()
    (export,) = opened(curator).context["earlier"]
    assert export.sha256[:12] in opened(curator).content.decode()


def test_every_shape_and_file_has_its_words_and_its_code() -> None:
    assert SHAPES.keys() == STYLES.keys()
    assert FILE_TITLES.keys() == FILES.keys() == FORMATS.keys()
    for shape in SHAPES.values():
        for format in FORMATS:
            code = shape.loading("x.jsonl", format)
            assert "x.jsonl" in code and not re.search(r"\{(kind|file|names|datasets)\}", code)


@pytest.mark.parametrize("style", [style for style in SHAPES if not SHAPES[style].loads_itself])
def test_lines_for_a_csv_parse_the_columns_that_hold_lists(
    curator: Client, project: Project, style: str
) -> None:
    make_comparison(project)
    claim_and_judge(make_member(project), project)
    page = opened(curator, style=style, format="csv")
    content = curator.get(page.context["download"]).getvalue().decode()
    row = next(csv.DictReader(io.StringIO(content)))
    texts = {"aspects", "metadata", "chosen_metadata", "rejected_metadata"}  # in every format
    nested = [name for name in row.keys() - texts if row[name].startswith(("[", "{"))]
    assert sorted(SHAPES[style].nested) == sorted(nested)
    assert page.context["code"].count("json.loads") == bool(nested)
    assert all(f'"{name}"' in page.context["code"] for name in nested)
    assert "json.loads" not in SHAPES[style].loading("x.parquet", "parquet")


@pytest.mark.parametrize(("style", "language"), [("verl", "Shell"), ("trl", "Python")])
def test_the_lines_say_where_they_are_run(curator: Client, style: str, language: str) -> None:
    assert f"<h3>{language}</h3>" in opened(curator, style=style).content.decode()
