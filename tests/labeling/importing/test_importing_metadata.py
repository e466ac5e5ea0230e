"""Further fields of a row are kept as metadata of its prompt or of a response."""

import io
import json
from typing import Any

import pytest

from labeling.importing import ImportOptions, ImportRefused, ImportReport, import_file
from labeling.importing.sources.mapping import ColumnMapping
from labeling.models import Project, Response
from labeling.preferences.exporting import ExportOptions, preference_rows
from labeling.preferences.shapes.files import FORMATS
from labeling.preferences.shapes.styles import STYLES, columns_of
from tests.factories import make_project
from tests.labeling.importing.sources.inputs import INPUTS

pytestmark = pytest.mark.django_db

PAIR = {"prompt": "Why?", "chosen": "a", "rejected": "b"}


def take(project: Project, *rows: dict[str, Any], **options: Any) -> ImportReport:
    content = "\n".join(json.dumps(row) for row in rows).encode()
    return import_file(
        project, None, io.BytesIO(content), name="rows", options=ImportOptions(**options)
    )


def of_prompt(project: Project) -> Any:
    return project.prompts.get().metadata


def of_responses(project: Project) -> dict[str, Any]:
    responses = Response.objects.filter(prompt__project=project)
    return dict(responses.values_list("text", "metadata"))


def test_further_fields_of_every_shape_are_of_the_prompt() -> None:
    for row in ({"prompt": "Why?"}, {"prompt": "Why?", "responses": ["a", "b"]}, PAIR):
        take(project := make_project(), row | {"language": "en", "turn": 2, "info": {"x": [1]}})
        assert of_prompt(project) == {"language": "en", "turn": 2, "info": {"x": [1]}}


def test_a_row_says_of_which_response_it_speaks() -> None:
    scores = {"score_chosen": 8.0, "score_rejected": 3.5, "chosen_length": 4}
    own = {"chosen_metadata": {"seed": 1}, "rejected_metadata": '{"seed": 2}', "metadata": {"l": 1}}
    take(project := make_project(), PAIR | scores | own)
    assert of_prompt(project) == {"l": 1}
    assert of_responses(project) == {
        "a": {"score": 8.0, "length": 4, "seed": 1},
        "b": {"score": 3.5, "seed": 2},
    }


def test_a_response_has_its_own() -> None:
    responses = [{"text": "a", "metadata": {"n": 1}, "latency": 2.5}, {"text": "b", "score": 7}]
    take(project := make_project(), {"prompt": "Why?", "responses": responses})
    assert of_responses(project) == {"a": {"n": 1, "latency": 2.5}, "b": {"score": 7}}


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"metadata": {"a": {"b": "x" * 10_001}}}, "metadata.a.b"),
        ({"metadata": {"a": "x\x00"}}, "metadata"),
        ({"chosen_metadata": "seven"}, "chosen_metadata"),
        ({"metadata": {f"{n}": n for n in range(101)}}, "metadata"),
    ],
)
def test_metadata_that_cannot_be_kept_is_an_error_with_row_and_field(
    fields: dict[str, Any], place: str
) -> None:
    project = make_project()
    with pytest.raises(ImportRefused) as refused:
        take(project, PAIR, PAIR | {"prompt": "How?"} | fields)
    (problem,) = refused.value.problems
    assert (problem.place, problem.field) == ("line 2", place)
    assert not project.prompts.exists()
    report = take(project, PAIR, PAIR | {"prompt": "How?"} | fields, skip_bad=True)
    assert (report.rows, report.skipped, report.skipped_lines[0]["field"]) == (1, 1, place)


def test_fields_about_people_are_not_kept_and_said() -> None:
    report = take(project := make_project(), PAIR | {"annotator_id": "ada", "worker": "w"})
    assert of_prompt(project) == {}
    assert "column “annotator_id” not kept: it is about people: 1 (line 1)" in report.notices


@pytest.mark.parametrize("at_once", [True, False])
def test_of_two_rows_about_one_prompt_the_first_value_counts(at_once: bool) -> None:
    first = PAIR | {"language": "en", "id": 1}
    second = PAIR | {"chosen": "c", "id": 2, "topic": "tea"}
    project = make_project()
    if at_once:
        report = take(project, first, second)
    else:
        take(project, first)
        rehearsed = take(project, second, dry_run=True)
        report = take(project, second)
        assert rehearsed.metadata_left_out == report.metadata_left_out
    assert of_prompt(project) == {"language": "en", "id": 1, "topic": "tea"}
    assert report.metadata_left_out == 1
    assert ("values of metadata that differ from what was known already, left out", 1) in [
        *report.lines()
    ]
    assert take(project, first, second).metadata_left_out == 1


def test_a_dry_run_over_chunks_says_what_the_import_will_say(monkeypatch: Any) -> None:
    monkeypatch.setattr("labeling.importing.CHUNK_ROWS", 1)
    rows = [PAIR | {"chosen": f"{n}", "id": n, f"extra{n}": 1} for n in range(4)]
    rows.append(PAIR | {"chosen": "4", "extra1": 2})
    project = make_project()
    rehearsed = take(project, *rows, dry_run=True)
    report = take(project, *rows)
    assert report.metadata_left_out == rehearsed.metadata_left_out == 4
    assert of_prompt(project) == {"id": 0, **{f"extra{n}": 1 for n in range(4)}}


def exported(project: Project, name: str, style: str) -> bytes:
    wanted = ExportOptions(style=style, is_plain=FORMATS[name].needs_plain, include_ties=True)
    rows = preference_rows(project, wanted)
    return b"".join(FORMATS[name].write(rows, columns_of(STYLES[style])))


@pytest.mark.parametrize("style", ["messages", "trl", "text"])
@pytest.mark.parametrize("name", FORMATS)
def test_an_export_comes_back_with_its_metadata(name: str, style: str) -> None:
    more = {"language": "für", "=x": "=1+1", "n": 1.5, "deep": {"a": ["b", {"c": True}]}}
    sides = {"chosen_metadata": {"score": 8}, "rejected_metadata": {"content": "'x"}}
    take(one := make_project(), PAIR | {"metadata": more} | sides, PAIR | {"prompt": "How?"})
    content = io.BytesIO(exported(one, name, style))
    report = import_file(other := make_project(), None, content, name=f"rows.{name}")
    assert [*other.prompts.order_by("pk").values_list("metadata", flat=True)] == [more, {}]
    scored = Response.objects.filter(prompt__project=other).exclude(metadata={})
    assert dict(scored.values_list("text", "metadata")) == {
        "a": {"score": 8},
        "b": {"content": "'x"},
    }
    assert report.metadata_left_out == 0


@pytest.mark.parametrize(
    ("name", "prompt", "responses"),
    [
        ("SHP", {"post_id": "p"}, {"score": 5}),
        ("Nectar", {"turns": 1}, {"rank": 1}),
        ("HelpSteer2 ratings", {}, {"helpfulness": 4, "verbosity": 1}),
        ("OpenAssistant messages", {"message_tree_id": "t1", "lang": "en"}, {"rank": 0}),
        ("Chatbot Arena conversations", {"language": "English"}, {}),
        ("UltraFeedback, raw", {}, {"overall_score": 8.5}),
    ],
)
def test_what_a_source_does_not_read_is_kept(
    name: str, prompt: dict[str, Any], responses: dict[str, Any]
) -> None:
    take(project := make_project(), *INPUTS[name].records)
    metadata = [*project.prompts.values_list("metadata", flat=True)]
    assert any(prompt.items() <= one.items() for one in metadata), metadata
    told = of_responses(project).values()
    assert any(responses.items() <= one.items() for one in told), told


def test_no_source_keeps_who_judged() -> None:
    people = {"user_id", "judge", "worker", "annotator", "annotations", "completed_by"}
    project = make_project()
    for given in INPUTS.values():
        if not given.rows:
            continue
        take(project, *given.records)
    kept = [*project.prompts.values_list("metadata", flat=True), *of_responses(project).values()]
    assert not [one for one in kept if people & one.keys() - {"annotations"}]


MAPPED = {
    "task": "Why?",
    "a": "x",
    "b": "y",
    "a_ms": 5,
    "b_ms": 7,
    "lang": "en",
    "in": {"p": 1, "tag": "t"},
}


def test_a_mapping_keeps_what_it_does_not_name_unless_told_otherwise() -> None:
    own: dict[str, Any] = {"prompt": "task", "responses": ("a", "b"), "tags": ("in.tag",)}
    timed = own | {"response_metadata": (("a_ms",), ("b_ms",))}
    take(project := make_project(), MAPPED, mapping=ColumnMapping(**timed, leave_out=("lang",)))
    assert of_prompt(project) == {"in": {"p": 1}}
    assert of_responses(project) == {"x": {"a_ms": 5}, "y": {"b_ms": 7}}
    take(other := make_project(), MAPPED, mapping=ColumnMapping(**own, keep_others=False))
    assert (of_prompt(other), of_responses(other)) == ({}, {"x": {}, "y": {}})


def test_a_mapping_gives_each_response_its_item_of_a_list() -> None:
    row = {"task": "Why?", "answers": [{"t": "x", "ms": 5}, {"t": "y", "ms": 7}]}
    mapping = ColumnMapping(
        prompt="task", responses=("answers[].t",), response_metadata=(("answers[].ms",),)
    )
    assert ColumnMapping.from_json(mapping.to_json()) == mapping
    take(project := make_project(), row, mapping=mapping)
    assert of_responses(project) == {"x": {"ms": 5}, "y": {"ms": 7}}
