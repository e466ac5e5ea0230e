"""What a message holds beside its text comes in whole, makes another answer, and goes out again."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from labeling.curation.finding import PreferenceFilter as Wanted
from labeling.curation.finding import matching, window_for
from labeling.importing import ImportOptions, import_file
from labeling.importing.lines.checking import check_row
from labeling.importing.lines.rows import CheckedRow
from labeling.importing.reports import NoticeCounter
from labeling.models import Comparison, Preference, Prompt, Response
from labeling.preferences.beyond_text import CannotBeTexts
from labeling.preferences.exporting import ExportOptions, preference_rows
from labeling.preferences.judgment_rows import judgment_rows
from labeling.preferences.snapshots import snapshot_path, take_snapshot
from labeling.quality.gold import CannotMakeGold, construct
from labeling.texts.messages import in_words, is_empty, parts_for_labelers
from labeling.texts.sameness import prompt_digest, response_digest
from tests.factories import claim_and_judge, make_member, make_project, make_prompt, make_response

USER = {"role": "user", "content": "How warm is Turin?"}
TOOLS = [{"type": "function", "function": {"name": "thermometer", "parameters": {}}}]


def call(city="Turin", pk="call-1") -> dict:
    arguments = json.dumps({"city": city}, ensure_ascii=False)
    function = {"name": "thermometer", "arguments": arguments}
    return {"id": pk, "type": "function", "function": function}


def says(content, **more) -> list[dict]:
    return [{"role": "assistant", "content": content, **more}]


def triple(chosen, rejected, prompt="How warm is Turin?", **more) -> dict:
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected, **more}


def take(project, *rows: dict, **options):
    content = "\n".join(json.dumps(row) for row in rows).encode()
    return import_file(
        project, None, io.BytesIO(content), name="rows.jsonl", options=ImportOptions(**options)
    )


def row_of(**data) -> CheckedRow:
    row = check_row(1, data)
    assert isinstance(row, CheckedRow), row
    return row


def fault(**data) -> tuple[str, str]:
    row = check_row(1, data)
    assert isinstance(row, list), row
    return row[0].field, row[0].problem


# What is taken


@pytest.mark.django_db
def test_a_tool_call_is_an_answer_and_no_empty_response():
    project = make_project()
    report = take(project, triple(says(None, tool_calls=[call()]), says("I cannot tell.")))
    answer = Response.objects.get(text="")
    assert answer.extra == {"tool_calls": [call()]}
    assert not any("empty" in notice for notice in report.notices)


@pytest.mark.django_db
def test_a_prompt_keeps_calls_results_names_and_developers():
    prompt = [
        {"role": "developer", "content": "Measure first."},
        USER | {"name": "Ada"},
        {"role": "assistant", "content": "", "tool_calls": [call()]},
        {"role": "tool", "content": "21", "tool_call_id": "call-1"},
    ]
    project = make_project()
    take(project, triple("It is 21 degrees.", "Warm.", prompt))
    assert Prompt.objects.get().messages == prompt


def test_null_stands_for_nothing_in_every_key_of_a_message():
    row = row_of(**triple(says("21", tool_calls=None, refusal=None), "Warm."))
    assert row.responses[0].extra == {}


@pytest.mark.parametrize("more", [{}, {"name": "bot"}, {"tool_calls": []}])
def test_null_content_needs_something_in_its_place(more):
    field, problem = fault(**triple(says(None, **more), "Warm."))
    assert (field, "nothing else" in problem) == ("chosen[0].content", True)


def test_text_parts_are_joined_with_a_line_break_and_said():
    notices = NoticeCounter()
    parts = [{"type": "text", "text": "How warm"}, {"type": "text", "text": "is Turin?"}]
    row = check_row(1, {"prompt": [{"role": "user", "content": parts}]}, notices)
    assert isinstance(row, CheckedRow)
    assert row.messages == [{"role": "user", "content": "How warm\nis Turin?"}]
    assert notices.sentences() == ["contents of several parts, joined with line breaks: 1 (line 1)"]


@pytest.mark.parametrize("kind", ["image_url", "input_audio", "file", "video", "thinking"])
def test_a_part_that_is_no_text_is_refused_with_its_place_and_type(kind):
    parts = [{"type": "text", "text": "What is this?"}, {"type": kind, kind: {"url": "x"}}]
    field, problem = fault(prompt=[USER, {"role": "user", "content": parts}])
    assert (field, kind in problem) == ("prompt[1].content[1]", True)


def test_a_recording_beside_the_content_is_refused():
    field, problem = fault(**triple(says("21", audio={"id": "x"}), "Warm."))
    assert (field, "audio" in problem) == ("chosen[0].audio", True)


@pytest.mark.parametrize("value", ["a\x00b", "a\ud800b", ["\x00"], {"\x00": 1}])
def test_what_no_database_stores_is_refused_in_every_key(value):
    assert fault(**triple(says("21", note=value), "Warm."))[0] == "chosen[0].note"


def test_an_answer_of_several_messages_is_refused_in_words():
    steps = [*says("", tool_calls=[call()]), {"role": "tool", "content": "21"}, *says("It is 21.")]
    assert "several messages" in fault(**triple(steps, says("Warm.")))[1]
    assert "several messages" in fault(**triple([USER, *steps], [USER, *says("Warm.")]))[1]
    assert "several messages" in fault(prompt="Turin?", responses=[steps, "Warm."])[1]


def test_responses_to_compare_may_be_messages_or_objects_with_their_keys():
    row = row_of(
        prompt="Turin?",
        responses=[
            {"role": "assistant", "content": None, "tool_calls": [call()], "model": "a"},
            {"text": "21", "reasoning_content": "It is May.", "model": "b"},
            says("Warm."),
            {"role": "assistant", "content": "Cold.", "refusal": None},
        ],
    )
    assert [(one.text, one.source, [*one.extra]) for one in row.responses] == [
        ("", "a", ["tool_calls"]),
        ("21", "b", ["reasoning_content"]),
        ("Warm.", "", []),
        ("Cold.", "", []),
    ]


def test_one_message_needs_no_list_around_it():
    assert row_of(**triple(says("21")[0], says("Warm.")[0])).responses[0].text == "21"


@pytest.mark.parametrize("tools", [TOOLS, json.dumps(TOOLS)])
@pytest.mark.django_db
def test_tools_and_template_arguments_are_kept_with_the_prompt(tools):
    project = make_project()
    arguments = {"enable_thinking": False}
    take(project, triple("21", "Warm.", tools=tools, chat_template_kwargs=arguments))
    assert Prompt.objects.get().extra == {"tools": TOOLS, "chat_template_kwargs": arguments}


@pytest.mark.parametrize(
    ("name", "value"),
    [("tools", "thermometer"), ("tools", [1]), ("chat_template_kwargs", {"tokenize": True})],
)
def test_odd_tools_and_arguments_of_ours_are_refused(name, value):
    assert fault(**triple("21", "Warm.", **{name: value}))[0].startswith(name)


@pytest.mark.parametrize("name", ["system", "system_prompt"])
def test_a_system_column_becomes_the_system_message_and_that_is_said(name):
    notices = NoticeCounter()
    row = check_row(1, triple("21", "Warm.", **{name: "Be exact."}), notices)
    assert isinstance(row, CheckedRow)
    assert row.messages[0] == {"role": "system", "content": "Be exact."}
    assert "kept as the system message" in notices.sentences()[0]


def test_a_system_column_that_contradicts_the_prompt_is_refused():
    prompt = [{"role": "system", "content": "Be vague."}, USER]
    assert fault(**triple("21", "Warm.", prompt, system="Be exact."))[0] == "system"
    assert len(row_of(**triple("21", "Warm.", prompt, system="Be vague.")).messages) == 2


@pytest.mark.parametrize(
    ("prompt", "answers"),
    [
        ("Human: Turin?\n\nAssistant:", "Human: Turin?\n\nAssistant: {}"),
        ("\n\nHuman: Turin?\n\nAssistant: ", "\n\nHuman: Turin?\n\nAssistant: {}"),
        ("Turin?", "\n\nHuman: Turin?\n\nAssistant: {}"),
        ("Name the temperature of this city: Turin, in Italy.\n", "{prompt}{}"),
    ],
)
def test_a_prompt_that_both_answers_repeat_is_taken_off(prompt, answers):
    chosen, rejected = (answers.format(text, prompt=prompt) for text in ("21", "Warm."))
    row = row_of(**triple(chosen, rejected, prompt))
    assert [one.text for one in row.responses] == ["21", "Warm."]


def test_a_short_prompt_that_begins_both_answers_by_chance_is_left():
    row = row_of(**triple("Yes, 21", "Yes, warm", "Yes"))
    assert [one.text for one in row.responses] == ["Yes, 21", "Yes, warm"]


# What is the same


@pytest.mark.django_db
def test_answers_that_differ_in_their_reasoning_are_two():
    project = make_project()
    first, second = (says("21", reasoning_content=text) for text in ("It is May.", "A guess."))
    take(project, triple(first, second))
    assert Preference.objects.count() == 1


def test_plain_texts_keep_their_digests():
    assert response_digest("21") == response_digest("21", {}) == response_digest("21", {"a": None})
    assert prompt_digest([USER]) == prompt_digest([USER], {}) == prompt_digest([USER | {"a": []}])


def test_ids_drawn_by_a_server_and_remarks_about_a_message_make_no_other_answer():
    first = response_digest("", {"tool_calls": [call(pk="a")], "model": "x", "score": 3})
    assert first == response_digest("", {"tool_calls": [call(pk="b")], "model": "y"})
    assert first != response_digest("", {"tool_calls": [call("Rome")]})
    parsed = call()
    parsed["function"] = {"name": "thermometer", "arguments": {"city": "Turin"}}
    assert first == response_digest("", {"tool_calls": [parsed]})


def test_of_nested_values_labelers_see_what_was_said_and_of_calls_all_arguments():
    details = [{"type": "text", "text": "It is May.", "format": "vendor-v1", "id": "x"}]
    arguments = {"name": "Turin", "model": "mercury", "id": 3}
    calls = [{"function": {"name": "thermometer", "arguments": arguments}, "vendor": {"key": "y"}}]
    parts = parts_for_labelers({"reasoning_details": details, "tool_calls": calls, "usage": 3})
    assert [json.loads(part.text) for part in parts] == [
        [{"type": "text", "text": "It is May."}],
        arguments,
    ]


def test_prompts_with_other_tools_or_names_are_others():
    digests = {prompt_digest([USER]), prompt_digest([USER], {"tools": TOOLS})}
    assert len(digests | {prompt_digest([USER | {"name": "Ada"}])}) == 3


def test_only_what_says_nothing_is_empty():
    assert is_empty(" ", {"tool_calls": [], "model": "x"})
    assert not is_empty("", {"tool_calls": [call()]})
    assert in_words("", {"tool_calls": [call()]}) == '[Tool call: thermometer] { "city": "Turin" }'


# What goes out


@pytest.mark.django_db
def test_an_export_comes_back_as_it_was():
    project, other = make_project(), make_project()
    first = triple(says(None, tool_calls=[call()]), says("Warm.", name="bot"), tools=TOOLS)
    take(project, first, triple("21", says("21", reasoning_content="May.")))
    rows = [*preference_rows(project, ExportOptions())]
    assert rows[0]["chosen"] == says("", tool_calls=[call()])
    assert rows[0]["tools"] == TOOLS
    take(other, *rows)
    again = [*preference_rows(other, ExportOptions())]
    names = ("prompt", "chosen", "rejected", "tools", "split")
    assert [[row.get(name) for name in names] for row in again] == [
        [row.get(name) for name in names] for row in rows
    ]


@pytest.mark.parametrize(
    "row",
    [
        triple(says("", tool_calls=[call()]), "Warm."),
        triple("21", "Warm.", tools=TOOLS),
        triple("21", "Warm.", [USER | {"name": "Ada"}]),
        triple("21", "Warm.", [{"role": "developer", "content": "Be exact."}, USER]),
    ],
)
@pytest.mark.django_db
def test_plain_texts_are_refused_where_they_would_drop_something(row):
    project = make_project(slug="warm")
    take(project, row, triple("A", "B", "Plain?"))
    with pytest.raises(CannotBeTexts, match="1 of these preferences hold more than texts"):
        preference_rows(project, ExportOptions(style="text"))
    with pytest.raises(CommandError, match="style=messages"):
        call_command("export_preferences", "warm", "--style", "text")
    beyond = Preference.objects.exclude(prompt__messages__0__content="Plain?")
    beyond.update(excluded=True, excluded_reason="no plain text")
    assert len([*preference_rows(project, ExportOptions(style="text"))]) == 1


@pytest.mark.django_db
def test_judgments_and_snapshots_carry_whole_messages(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    project = make_project()
    answers = [says("", tool_calls=[call()])[0], "Warm."]
    take(project, {"prompt": "Turin?", "responses": answers, "tools": TOOLS})
    claim_and_judge(make_member(project), project)
    (judged,) = judgment_rows(project)
    assert {"tool_calls": [call()]} in [one.get("extra") for one in judged["responses"]]
    (row,) = map(json.loads, snapshot_path(take_snapshot(project)).read_text().splitlines())
    assert row["tools"] == TOOLS
    assert says("", tool_calls=[call()])[0] in (row["chosen"], row["rejected"])


@pytest.mark.django_db
def test_a_search_reads_what_stands_beside_the_text():
    project = make_project()
    take(project, triple(says("", tool_calls=[call("Zürich")]), "Warm."), triple("A", "B", "C?"))
    wanted = Wanted(q="zürich")
    assert matching(project, wanted, window_for(project, wanted)).count() == 1


@pytest.mark.django_db
def test_no_worse_copy_is_made_of_an_answer_that_is_more_than_a_text():
    project = make_project()
    text = "One sentence of some length. Another sentence of some length. A third one as well."
    make_response(make_prompt(project), text * 3, extra={"tool_calls": [call()]})
    with pytest.raises(CannotMakeGold):
        construct(project, make_member(project, "admin"), 1)


@pytest.mark.django_db
def test_a_dry_run_tells_such_answers_apart_as_an_import_does():
    project = make_project()
    rows = [triple(says("21", reasoning_content=text), "Warm.") for text in "ab"]
    assert take(project, *rows, dry_run=True).preferences_new == 2
    assert not Comparison.objects.exists()
