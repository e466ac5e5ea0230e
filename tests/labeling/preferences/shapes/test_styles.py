"""Each style has the keys that its trainer reads, and says no more than the preference does."""

import io
import json
from typing import Any

import pytest
from django.test import Client

from labeling.importing import import_file
from labeling.models import Preference, Project, Role
from labeling.preferences.beyond_text import CannotBeTexts
from labeling.preferences.exporting import (
    ExportOptions,
    StyleRefused,
    first_of,
    page_of,
    preference_changes,
    preference_rows,
)
from labeling.preferences.shapes.styles import OF_PREFERENCE, STYLES, columns_of
from tests.factories import client_with_token, make_member, make_project

pytestmark = pytest.mark.django_db

SYSTEM = {"role": "system", "content": "Be brief."}
TURNS = [
    {"role": "user", "content": "Hi?"},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "And?"},
]
A, B = ({"role": "assistant", "content": text} for text in "ab")
TRIPLE = {"prompt": TURNS, "chosen": "a", "rejected": "b"}


def made(*rows: dict[str, Any], slug: str = "ours") -> Project:
    project = make_project(slug=slug)
    content = "\n".join(map(json.dumps, rows)).encode()
    import_file(project, None, io.BytesIO(content), name="made")
    return project


def export(project: Project, style: str, **wanted: Any) -> list[dict[str, Any]]:
    return [*preference_rows(project, ExportOptions(style=style, **wanted))]


def own(style: str, row: dict[str, Any]) -> dict[str, Any]:
    """The columns of the row that its trainer reads."""
    return {name: row[name] for name in STYLES[style].columns}


def test_trl_is_what_messages_has_always_been() -> None:
    project = made(TRIPLE)
    assert export(project, "trl") == export(project, "messages")
    assert own("trl", export(project, "trl")[0]) == {
        "prompt": TURNS, "chosen": [A], "rejected": [B]
    }  # fmt: skip


@pytest.mark.parametrize("style", ["trl-implicit", "openrlhf"])
def test_both_sides_are_whole_conversations_and_there_is_no_prompt(style: str) -> None:
    (row,) = export(made(TRIPLE), style)
    assert own(style, row) == {"chosen": [*TURNS, A], "rejected": [*TURNS, B]}
    assert "prompt" not in row


def test_kto_has_a_row_for_each_response_with_whether_it_is_good() -> None:
    rows = export(made(TRIPLE), "trl-kto")
    assert [own("trl-kto", row) for row in rows] == [
        {"prompt": TURNS, "completion": [A], "label": True},
        {"prompt": TURNS, "completion": [B], "label": False},
    ]
    assert len({row["id"] for row in rows}) == 1


def test_kto_calls_neither_good_where_both_are_bad() -> None:
    project = made(TRIPLE | {"kind": "both_bad"})
    rows = export(project, "trl-kto", include_both_bad=True)
    assert [row["label"] for row in rows] == [False, False]


def test_nemo_rl_ranks_two_completions_from_nought() -> None:
    (row,) = export(made(TRIPLE), "nemo-rl")
    assert own("nemo-rl", row) == {
        "context": TURNS,
        "completions": [
            {"rank": 0, "completion": [A]},
            {"rank": 1, "completion": [B]},
        ],
    }


def test_hh_is_two_dialogues_with_an_empty_line_before_each_turn() -> None:
    (row,) = export(made(TRIPLE), "hh")
    before = "\n\nHuman: Hi?\n\nAssistant: Hello.\n\nHuman: And?\n\nAssistant: "
    assert own("hh", row) == {"chosen": before + "a", "rejected": before + "b"}


def test_hh_comes_back_as_the_conversation_it_was() -> None:
    (row,) = export(made(TRIPLE | {"prompt": [SYSTEM, *TURNS]}), "hh")
    again = made({side: row[side] for side in ("chosen", "rejected")}, slug="again")
    assert own("messages", export(again, "messages")[0]) == {
        "prompt": [SYSTEM, *TURNS], "chosen": [A], "rejected": [B]
    }  # fmt: skip


@pytest.mark.parametrize("style", ["trl-implicit", "openrlhf"])
def test_whole_conversations_come_back_with_their_prompt(style: str) -> None:
    (row,) = export(made(TRIPLE), style)
    again = made(row, slug="again")
    assert own("messages", export(again, "messages")[0]) == {
        "prompt": TURNS, "chosen": [A], "rejected": [B]
    }  # fmt: skip


def test_verl_has_one_row_for_each_prompt_with_the_keys_that_it_reads() -> None:
    project = made(
        TRIPLE, TRIPLE | {"chosen": "c"}, {"prompt": "Q?", "chosen": "a", "rejected": "b"}
    )
    first, second = export(project, "verl")
    assert (first["prompt"], second["prompt"]) == (TURNS, [{"role": "user", "content": "Q?"}])
    assert own("verl", first) | {"prompt": [], "extra_info": {}} == {
        "data_source": "ours",
        "prompt": [],
        "ability": "preference",
        "reward_model": {"style": "model", "ground_truth": ""},
        "extra_info": {},
    }
    indexes = [row["extra_info"]["index"] for row in (first, second)]
    assert indexes == [*Preference.objects.order_by("pk").values_list("prompt_id", flat=True)[::2]]
    assert first["extra_info"]["split"] == first["split"]


def test_verl_says_nothing_about_a_pair() -> None:
    (row,) = export(made(TRIPLE), "verl")
    assert row.keys() & OF_PREFERENCE.keys() == {"split", "tags", "metadata"}


def test_a_prompt_whose_first_preference_is_excluded_has_its_row_all_the_same() -> None:
    project = made(TRIPLE, TRIPLE | {"chosen": "c"})
    first = Preference.objects.earliest("id")
    Preference.objects.filter(pk=first.pk).update(excluded=True, excluded_reason="x")
    assert len(export(project, "verl")) == 1
    assert export(project, "verl", after=Preference.objects.latest("id").pk) == []


@pytest.mark.parametrize("style", STYLES)
def test_a_row_has_the_columns_that_are_announced_with_their_types(style: str) -> None:
    for row in export(made(TRIPLE), style):
        columns = columns_of(STYLES[style])
        assert list(row) == list(columns)
        for name, kind in columns.items():
            assert isinstance(row[name], kind if isinstance(kind, type) else type(kind))


@pytest.mark.parametrize("style", [name for name, style in STYLES.items() if not style.is_text])
def test_tool_calls_and_tools_go_into_every_style_of_messages(style: str) -> None:
    call = {"type": "function", "function": {"name": "look", "arguments": {}}}
    answer = {"role": "assistant", "content": "", "tool_calls": [call]}
    project = made(TRIPLE | {"chosen": answer, "tools": [call]})
    rows = export(project, style)
    assert all(row["tools"] == [call] for row in rows)
    has_answers = not (STYLES[style].is_of_prompts or STYLES[style].is_of_votes)
    assert has_answers == ('"tool_calls": [' in json.dumps(rows))


@pytest.mark.parametrize("style", [name for name, style in STYLES.items() if style.is_text])
def test_a_style_of_texts_refuses_what_it_would_drop_under_its_own_name(style: str) -> None:
    project = made(TRIPLE | {"chosen": A | {"name": "x"}})
    with pytest.raises(CannotBeTexts, match=f"style={style} would drop"):
        export(project, style)


@pytest.mark.parametrize(
    ("style", "option", "words"),
    [
        ("trl-kto", "include_ties", "style=trl-kto has no place for ties: leave include_ties out"),
        ("nemo-rl", "include_ties", "style=nemo-rl has no place for ties: leave include_ties out"),
        ("nemo-rl", "include_both_bad", "pairs where both are bad: leave include_both_bad out"),
    ],
)
def test_what_a_style_cannot_say_is_refused_in_words(style: str, option: str, words: str) -> None:
    wanted: dict[str, Any] = {option: True}
    with pytest.raises(StyleRefused, match=words):
        ExportOptions(style=style, **wanted)


def test_the_api_names_the_style_that_refuses() -> None:
    project = made(TRIPLE)
    client = client_with_token(make_member(project, Role.CURATOR))
    answer = client.get(address(project, "style=nemo-rl&include_ties=true"))
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["style"]
    assert "has no place for ties" in answer.json()["detail"]


def address(project: Project, query: str) -> str:
    return f"/api/v1/projects/{project.slug}/preferences/?{query}"


def test_pages_never_part_the_two_rows_of_one_preference() -> None:
    project = made(*[TRIPLE | {"prompt": f"Q{n}?"} for n in range(3)])
    client: Client = client_with_token(make_member(project, Role.CURATOR))
    rows, sizes, following = [], [], address(project, "style=trl-kto&limit=2")
    while following:
        page = client.get(following).json()
        rows += page["results"]
        sizes.append(len(page["results"]))
        following = page["next"]
    assert sizes == [4, 2]
    assert rows == export(project, "trl-kto")


@pytest.mark.parametrize(("size", "after"), [(1, 3), (2, 5), (3, None), (4, None)])
def test_a_page_counts_ids_and_not_rows(size: int, after: int | None) -> None:
    rows = [{"id": number, "n": n} for n, number in enumerate((3, 3, 5, 8, 8))]
    page, following = page_of(iter(rows), size)
    assert following == after
    assert page == [*first_of(rows, size)] == rows[: (2, 3, 5, 5)[size - 1]]


def test_changes_come_in_every_style() -> None:
    project = made(TRIPLE)
    for style in STYLES:
        changes = preference_changes(project, ExportOptions(style=style), "", None)
        assert [*changes.rows] == export(project, style)
