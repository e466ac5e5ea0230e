"""Mappings: JSON in and out, paths, what a record becomes, and what is refused in words."""

import io
import json
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from labeling.importing import ImportOptions, ImportRefused, check_file, import_file
from labeling.importing.reports import Wrong
from labeling.importing.sources.mapping import ColumnMapping, MappingRefused
from labeling.importing.sources.paths import value_at, word_of
from labeling.models import Preference, Project
from labeling.quality import figures
from tests.factories import make_project

DOCS = Path(__file__).parents[3] / "docs" / "data-formats.md"
THREE_PEOPLE = ColumnMapping(
    prompt="task",
    responses=("outputs",),
    models=("by",),
    verdicts=("people",),
    first=("1",),
    second=("2",),
    tie=("0",),
)
# The shape of a test set with three people's votes in one list.
ROWS: list[dict[str, Any]] = [
    {"task": "Name a fruit.", "outputs": ["Plum.", "Rain."], "by": ["m", "n"], "people": [1, 1, 2]},
    {"task": "Name a tree.", "outputs": ["Sand.", "Oak."], "by": ["m", "n"], "people": [2, 2, 2]},
    {"task": "Name a bird.", "outputs": ["Wren.", "Crow."], "by": ["m", "n"], "people": [0, 1, 2]},
]


def as_file(rows: Any) -> io.BytesIO:
    return io.BytesIO("".join(json.dumps(row) + "\n" for row in rows).encode())


def rows_of(mapping: ColumnMapping, **record: Any) -> list[dict[str, Any]]:
    return list(mapping.read(record).rows())


# The order of responses


def test_the_order_of_the_responses_may_say_which_is_better() -> None:
    mapping = ColumnMapping(prompt="q", responses=("good", "bad"), best_first=True)
    (row,) = rows_of(mapping, q="Why?", good="Because.", bad="No.")
    assert (row["chosen"], row["rejected"]) == ("Because.", "No.")
    of_list = ColumnMapping(prompt="q", responses=("all",), best_first=True)
    rows = rows_of(of_list, q="Why?", all=["1", "2", "3"])
    pairs = {(row["chosen"], row["rejected"]) for row in rows}
    assert pairs == {("1", "2"), ("1", "3"), ("2", "3")}
    (row,) = rows_of(of_list, q="Why?", all=["1"])
    assert "chosen" not in row


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"scores": ["x", "y"]}, "scores are named"),
        ({"verdicts": ["v"], "first": ["1"]}, "verdicts are named"),
        ({"responses": []}, "names none"),
        ({"best_first": "yes"}, "true or false"),
    ],
)
def test_an_order_goes_with_nothing_else_that_says_what_is_better(
    more: dict[str, Any], words: str
) -> None:
    given = {"prompt": "q", "responses": ["a", "b"], "best_first": True, **more}
    with pytest.raises(MappingRefused, match=words):
        ColumnMapping.from_json(json.dumps(given))


# JSON


paths = st.text(min_size=1, max_size=20).filter(str.strip)


@given(st.lists(paths, min_size=2, max_size=2), paths, st.booleans(), st.lists(paths, max_size=3))
def test_what_is_written_as_json_is_read_again_the_same(
    responses: list[str], prompt: str, higher: bool, tags: list[str]
) -> None:
    scores = tuple(f"{name} score" for name in responses)
    mapping = ColumnMapping(
        prompt=prompt,
        responses=tuple(responses),
        scores=scores,
        higher_is_better=higher,
        tags=tuple(tags),
    )
    assert ColumnMapping.from_json(mapping.to_json()) == mapping


def test_values_of_a_verdict_may_be_numbers_and_booleans() -> None:
    text = '{"prompt": "q", "responses": ["a", "b"], "verdicts": ["v"], "first": [1, true]}'
    assert ColumnMapping.from_json(text).first == ("1", "true")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "The mapping is no JSON"),
        (b"\xff\xfe\x00", "The mapping is no JSON"),
        ("[]", "A mapping is an object"),
        ("{}", "prompt is missing"),
        ('{"prompt": ""}', "No column is the prompt"),
        ('{"prompt": "q", "promt": "q", "answer": 1}', "has no field promt, answer. Known are"),
        ('{"prompt": "q", "prompt": "r"}', "“prompt” stands in the mapping twice"),
        ('{"prompt": 7}', "prompt is a column's name, not a number"),
        ('{"prompt": "q", "responses": "a"}', "responses is a list, not a text"),
        ('{"prompt": "q", "responses": [7]}', "responses holds names of columns, not a number"),
        ('{"prompt": "q", "higher_is_better": 1}', "higher_is_better is true or false"),
        ('{"prompt": "q", "responses": ["a"], "models": ["m", "n"]}', "models names 2"),
        ('{"prompt": "q", "responses": ["a"], "scores": []  , "verdicts": ["v"]}', "which values"),
        ('{"prompt": "q", "verdicts": ["v"], "first": ["1"]}', "A verdict is about two"),
        (
            '{"prompt": "q", "responses": ["a", "b", "c"], "verdicts": ["v"], "first": ["1"]}',
            "A verdict is about two",
        ),
        (
            '{"prompt": "q", "responses": ["a"], "scores": ["s"], "verdicts": ["v"]}',
            "Both scores and verdicts",
        ),
        ('{"prompt": "q", "first": ["1"], "tie": [1.0]}', "“1” is named twice"),
        ('{"prompt": "' + "q" * 301 + '"}', "from 1 to 300 characters"),
        ('{"prompt": "q", "tags": [" "]}', "from 1 to 300 characters"),
        (json.dumps({"prompt": "q", "tags": ["t"] * 200}), "201 columns; at most 200"),
        (" " * 100_001, "at most 100,000 characters"),
    ],
)
def test_what_is_no_mapping_is_refused_by_its_name(text: str | bytes, words: str) -> None:
    with pytest.raises(MappingRefused) as refused:
        ColumnMapping.from_json(text)
    assert words in str(refused.value)


# Paths


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a", {"b": [{"c": 1}, {"c": 2}, {}]}),
        ("a.b[1].c", 2),
        ("a.b[].c", [1, 2, None]),
        ("a.b[7].c", None),
        ("a.b[", None),
        ("a.b.c", None),
        ("a.c", "a name with a dot"),
        ("a.c.d", None),
        ("a[]", None),
        ("x[0]", "a name with brackets"),
        ("nowhere", None),
        ("ab", None),
    ],
)
def test_a_path_leads_to_a_value_or_to_nothing(path: str, value: Any) -> None:
    data = {
        "a": {"b": [{"c": 1}, {"c": 2}, {}]},
        "a.c": "a name with a dot",
        "x[0]": "a name with brackets",
    }
    assert value_at(data, path) == value


def test_numbers_texts_and_capitals_are_the_same_value_of_a_verdict() -> None:
    assert {word_of(value) for value in (1, 1.0, "1", " 1.0 ")} == {"1"}
    assert word_of("Model_A") == word_of("model_a ")
    assert word_of(True) == "true"
    assert word_of(1.5) == "1.5"


# Records


def test_each_item_of_a_list_of_verdicts_is_a_vote() -> None:
    first, second, third = rows_of(THREE_PEOPLE, **ROWS[0])
    assert first == second
    assert first["chosen"] == "Plum."
    assert (third["chosen"], third["chosen_model"]) == ("Rain.", "n")


def test_each_verdict_column_is_a_vote_and_an_empty_one_is_none() -> None:
    mapping = ColumnMapping(
        prompt="q",
        responses=("x", "y"),
        verdicts=("ana", "ben", "cleo", "dan"),
        first=("left",),
        both_bad=("neither",),
        ignored=("unsure",),
    )
    rows = rows_of(mapping, q="Q", x="X", y="Y", ana="Left", ben="", cleo="neither", dan="unsure")
    assert [row.get("kind", "prefer") for row in rows] == ["prefer", "both_bad"]


def test_a_record_without_a_verdict_is_to_be_compared() -> None:
    (row,) = rows_of(THREE_PEOPLE, task="Q", outputs=["X", "Y"], people=[])
    assert row == {
        "prompt": "Q",
        "responses": [{"text": "X", "model": None}, {"text": "Y", "model": None}],
    }


@pytest.mark.parametrize("higher", [True, False])
def test_scores_prefer_every_two_by_which_is_better(higher: bool) -> None:
    mapping = ColumnMapping(
        prompt="q",
        responses=("all[].text",),
        scores=("all[].points",),
        models=("all[].by",),
        higher_is_better=higher,
    )
    answers = [
        {"text": text, "points": points, "by": text.lower()}
        for text, points in (("A", 1), ("B", "1.0"), ("C", 3))
    ]
    rows = rows_of(mapping, q="Q", all=answers)
    pairs = {row["chosen"] + row["rejected"] for row in rows if "kind" not in row}
    assert pairs == ({"CA", "CB"} if higher else {"AC", "BC"})
    assert [(row["chosen_model"], row["kind"]) for row in rows if "kind" in row] == [("a", "tie")]


def test_every_vote_has_the_system_text_and_the_tags_of_all_tag_columns() -> None:
    mapping = replace(THREE_PEOPLE, system="rules", tags=("topic", "more"))
    rows = rows_of(mapping, **ROWS[0], rules="Be brief.", topic="x", more=["y", 7, None])
    assert [(row["system"], *row["tags"]) for row in rows] == [("Be brief.", "x", "y", "7")] * 3


def test_a_conversation_that_says_from_and_value_is_the_prompt() -> None:
    mapping = ColumnMapping(prompt="log", responses=("a", "b"))
    (row,) = rows_of(mapping, log=[{"from": "human", "value": "Hi"}], a="x", b="y")
    assert row["prompt"] == [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    ("record", "field", "words"),
    [
        ({"outputs": ["X", "Y"]}, "task", "Is missing."),
        ({"task": "Q", "people": [1]}, "outputs", "Is missing."),
        ({"task": "Q", "outputs": ["X", "Y", "Z"], "people": [1]}, "outputs", "3 responses"),
        ({"task": "Q", "outputs": ["X", "Y"], "people": [3]}, "people[0]", "3 is none of"),
        ({"task": "Q", "outputs": ["X", "Y"], "people": [[1]]}, "people[0]", "[1] is none of"),
        ({"task": "Q", "outputs": ["X", {"t": 1}]}, "outputs[1]", "it holds t."),
        ({"task": "Q", "outputs": ["X", True]}, "outputs[1]", "not true or false."),
        ({"task": "Q", "outputs": ["X", None]}, "outputs[1]", "Is missing."),
        ({"task": "Q", "outputs": ["X", "Y"], "by": ["m"]}, "by", "1 values for 2"),
        ({"task": "Q", "outputs": ["X"] * 1001}, "outputs", "1,001 items; at most 1,000"),
    ],
)
def test_what_a_record_lacks_is_named_by_its_column(
    record: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(Wrong) as wrong:
        THREE_PEOPLE.read(record)
    assert wrong.value.field == field
    assert words in wrong.value.problem


# Files


@pytest.mark.django_db
def test_three_peoples_votes_are_counted_for_each_pair() -> None:
    project = make_project()
    options = ImportOptions(mapping=THREE_PEOPLE)
    report = import_file(project, None, as_file(ROWS), name="votes.jsonl", options=options)
    counts = [
        (one.chosen.text, one.kind, one.votes_chosen, one.votes_rejected, one.votes_tie)
        for one in project.preferences.order_by("id")
    ]
    assert counts[:2] == [("Plum.", "prefer", 2, 1, 0), ("Oak.", "prefer", 3, 0, 0)]
    assert counts[2][1:] == (Preference.Kind.TIE, 1, 1, 1)
    assert report.votes_counted == 6
    assert report.notices[0].startswith("read by the mapping, 3 records: “task” is the prompt")
    rehearsed = ImportOptions(mapping=THREE_PEOPLE, dry_run=True)
    again = import_file(make_project(), None, as_file(ROWS), name="votes", options=rehearsed)
    assert (again.preferences_new, again.votes_counted) == (3, 6)


def test_columns_that_the_mapping_does_not_read_are_named() -> None:
    findings = check_file(as_file([{**ROWS[0], "note": "x"}]), mapping=THREE_PEOPLE)
    assert "kept as metadata: note" in findings.notices[0]


def test_a_column_that_no_row_has_refuses_the_file_also_where_rows_are_skipped() -> None:
    mapping = ColumnMapping(prompt="task", responses=("outputs",), tags=("topik", "task.x"))
    with pytest.raises(ImportRefused) as refused:
        check_file(as_file(ROWS), mapping=mapping, skip_bad=True)
    (problem,) = refused.value.problems
    assert problem.problem == "No row has what the mapping names: topik, task.x."
    assert problem.advice == "The columns are task, outputs, by, people."


def test_a_column_that_holds_nothing_is_there_all_the_same() -> None:
    mapping = ColumnMapping(prompt="task", responses=("outputs",), tags=("topic",))
    rows = [{"task": "Q", "outputs": ["X", "Y"], "topic": None}]
    assert check_file(as_file(rows), mapping=mapping).rows == 1


def test_a_row_that_the_mapping_cannot_read_is_named_or_skipped() -> None:
    rows = [*ROWS, {**ROWS[0], "people": [9]}]
    with pytest.raises(ImportRefused) as refused:
        check_file(as_file(rows), mapping=THREE_PEOPLE)
    assert [(one.place, one.field) for one in refused.value.problems] == [("line 4", "people[0]")]
    assert check_file(as_file(rows), mapping=THREE_PEOPLE, skip_bad=True).skipped == 1


def test_a_mapping_goes_before_what_would_be_recognised() -> None:
    mapping = ColumnMapping(prompt="prompt", responses=("chosen",))
    rows = [{"prompt": "Q", "chosen": "X", "rejected": "Y"}]
    assert check_file(as_file(rows), mapping=mapping).shapes == {"prompts with responses": 1}


# The command


@pytest.mark.django_db
def test_the_command_takes_a_mapping(tmp_path: Path) -> None:
    project = make_project()
    (tmp_path / "rows.jsonl").write_bytes(as_file(ROWS).read())
    (tmp_path / "mapping.json").write_text(THREE_PEOPLE.to_json())
    files = [str(tmp_path / name) for name in ("rows.jsonl", "mapping.json")]
    call_command("import_data", project.slug, files[0], mapping=Path(files[1]))
    assert project.preferences.count() == 3


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "words"), [('{"prompt": ""}', "No column is the prompt"), (None, "cannot be read")]
)
def test_the_command_refuses_what_is_no_mapping_and_makes_no_project(
    tmp_path: Path, content: str | None, words: str
) -> None:
    path = tmp_path / "mapping.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(CommandError, match=words):
        call_command("import_data", "made", "rows.jsonl", create=True, mapping=path)
    assert not Project.objects.filter(slug="made").exists()


# The documentation


def test_the_example_of_the_documentation_does_what_it_says() -> None:
    section = DOCS.read_text().split("## Mapping", 1)[1].split("\n## ", 1)[0]
    lines, example = re.findall(r"```json[l]?\n(.*?)```", section, re.DOTALL)
    mapping = ColumnMapping.from_json(example)
    findings = check_file(io.BytesIO(lines.encode()), mapping=mapping)
    assert findings.shapes == {"triples": 6}
    assert not any("left out" in notice for notice in findings.notices)
    first = mapping.read(json.loads(lines.splitlines()[0]))
    assert [row["chosen"] for row in first.rows()] == ["A plum.", "A plum.", "A stone."]


def test_the_documentation_names_every_field_of_a_mapping() -> None:
    section = DOCS.read_text().split("## Mapping", 1)[1].split("\n## ", 1)[0]
    table = "".join(line for line in section.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`([a-z_]{3,})`", table)) >= {one.name for one in fields(ColumnMapping)}


# Who gave the verdicts

BY_PLACE = replace(THREE_PEOPLE, labeler_per_verdict=True)
WITH_NAMES = replace(THREE_PEOPLE, labelers=("who",))
NAMED_ROW = {"task": "Name a fruit.", "outputs": ["Plum.", "Rain."], "by": ["m", "n"]}


def test_each_place_of_a_list_may_be_one_person() -> None:
    rows = rows_of(BY_PLACE, **ROWS[0])
    assert [(row["annotator"], row["chosen"]) for row in rows] == [
        ("people 1", "Plum."), ("people 2", "Plum."), ("people 3", "Rain."),
    ]  # fmt: skip


def test_each_verdict_column_may_be_one_person() -> None:
    mapping = replace(BY_PLACE, verdicts=("ana", "ben"))
    rows = rows_of(mapping, **NAMED_ROW, ana=1, ben=None)
    assert [row["annotator"] for row in rows] == ["ana"]


def test_a_column_may_name_who_gave_the_verdicts() -> None:
    rows = rows_of(WITH_NAMES, **NAMED_ROW, people=[1, None, 2], who=["ana", "ben", 7])
    assert [(row["annotator"], row["chosen"]) for row in rows] == [("ana", "Plum."), ("7", "Rain.")]


def test_a_verdict_without_a_name_beside_it_is_a_vote_of_nobody() -> None:
    rows = rows_of(WITH_NAMES, **NAMED_ROW, people=[1, 2], who=["ana", None])
    assert [row.get("annotator") for row in rows] == ["ana", None]


def test_as_many_labelers_as_verdicts_are_needed() -> None:
    with pytest.raises(Wrong, match="Holds 1 labelers for 2 verdicts"):
        rows_of(WITH_NAMES, **NAMED_ROW, people=[1, 2], who=["ana"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labelers": ("a", "b")}, "labelers names 2 and verdicts 1 columns"),
        ({"labelers": ("a",), "labeler_per_verdict": True}, "keep one of the two"),
        ({"labelers": ("a",), "verdicts": ()}, "no verdict that they gave"),
        ({"labeler_per_verdict": True, "verdicts": ()}, "no verdict that they gave"),
    ],
)
def test_labelers_that_contradict_the_verdicts_are_refused(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(MappingRefused, match=words):
        replace(THREE_PEOPLE, **changes)


def test_who_judged_is_read_from_json_and_written_again() -> None:
    for mapping in (BY_PLACE, WITH_NAMES):
        assert ColumnMapping.from_json(mapping.to_json()) == mapping


@pytest.mark.django_db
def test_people_of_a_mapping_agree_as_far_as_they_do() -> None:
    project = make_project()
    report = import_file(
        project, None, as_file(ROWS), name="rows", options=ImportOptions(mapping=BY_PLACE)
    )
    assert (report.labelers_new, report.judgments_new) == (3, 9)
    measured = figures.agreement(project)
    assert measured is not None
    assert measured.value == pytest.approx((1 + 3 + 0) / 9)
