"""Every source is known by its columns, named, and read as what it says."""

import io
import json
from pathlib import Path

import pytest

from labeling.importing import ImportRefused, check_file, preview_rows
from labeling.importing.lines.rows import CheckedRow
from labeling.importing.sources import every_source, recognise
from labeling.importing.sources.answers import verdict_of
from tests.labeling.importing.sources.inputs import INPUTS, MT_BENCH, picked, talk

TABLE = (Path(__file__).parents[4] / "docs" / "data-formats.md").read_text()


def lines(*records: dict) -> io.BytesIO:
    return io.BytesIO("".join(json.dumps(record) + "\n" for record in records).encode())


def shown(row: CheckedRow) -> str:
    """The prompt's messages, the answers in order with a sign between them, strength and models."""
    prompt = " / ".join(f"{one['role'][0]}:{one['content']}" for one in row.messages)
    texts = [response.text for response in row.responses]
    sources = [response.source for response in row.responses]
    models = f" ({', '.join(sources)})" if any(sources) else ""
    if row.opinion is None:
        return f"{prompt} | {' ? '.join(texts)}{models}"
    if row.opinion.kind == "both_bad":
        return f"{prompt} | {' and '.join(texts)} are bad{models}"
    sign = " = " if row.opinion.kind == "tie" else " > "
    strength = f" x{row.opinion.strength:g}" if row.opinion.strength else ""
    return f"{prompt} | {sign.join(texts)}{strength}{models}"


def read(*records: dict) -> list[str]:
    return [shown(row) for row in preview_rows(lines(*records), 1000)]


def fault(*records: dict) -> str:
    with pytest.raises(ImportRefused) as refused:
        check_file(lines(*records))
    problem = refused.value.problems[0]
    return f"{problem.place}: {problem.field}: {problem.words}"


def test_each_source_has_an_input_and_a_line_in_the_docs():
    names = [source.name for source in every_source()]
    assert sorted(names) == sorted(INPUTS)
    assert [name for name in names if f"| {name} |" not in TABLE] == []


@pytest.mark.parametrize("name", INPUTS)
def test_a_record_is_recognised_and_read_as_what_it_says(name):
    given = INPUTS[name]
    assert read(*given.records) == given.rows


@pytest.mark.parametrize("name", INPUTS)
def test_what_was_recognised_is_told_with_its_name(name):
    row_of_ours = {"prompt": "And that?"}  # some records hold no row of their own
    notices = check_file(lines(row_of_ours, *INPUTS[name].records)).notices
    (source,) = [source for source in every_source() if source.name == name]
    told = [notice for notice in notices if notice.startswith("recognised as ")]
    assert len(told) == 1 and told[0].startswith(f"recognised as {name}, ")
    assert source.meaning in told[0]


@pytest.mark.parametrize("name", INPUTS)
def test_no_other_source_takes_the_records_of_this_one(name):
    for record in INPUTS[name].records:
        data = {key: value for key, value in record.items() if value is not None}
        source = recognise(data)
        assert source is not None and source.name == name


def test_a_file_may_mix_sources_and_rows_of_ours():
    records = [record for given in INPUTS.values() for record in given.records]
    rows = [row for given in INPUTS.values() for row in given.rows]
    assert sorted(read(*records)) == sorted(rows)


def test_a_pair_of_ours_is_named_and_nothing_of_it_left_out():
    (notice,) = check_file(lines(INPUTS["TRL preference"].records[0])).notices
    assert notice.startswith("recognised as TRL preference, 1 record") and "left out" not in notice


def test_what_a_source_does_not_use_is_told_to_be_kept():
    (notice, *_) = check_file(lines(*INPUTS["SHP"].records)).notices
    assert notice.endswith("; kept as metadata: post_id, domain, score_A, score_B")
    assert "SHP, 2 records: " in notice


def test_rows_of_one_record_are_votes_of_their_own():
    rows = preview_rows(lines(*INPUTS["MultiPref"].records), 9)
    assert [int(row.line) for row in rows] == [1, 2, 3]
    assert {str(row.line) for row in rows} == {"1"}


def test_a_lines_export_with_columns_of_a_source_stays_our_own():
    row = {
        "prompt": "Why?",
        "chosen": [{"role": "assistant", "content": "a"}],
        "rejected": [{"role": "assistant", "content": "b"}],
        "source": "x",
        "provenance": "imported",
        "settled_at": "2026-01-31T12:00:00.000000Z",
    }
    assert not any("recognised" in notice for notice in check_file(lines(row)).notices)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("HelpSteer2 preference", {"preference_strength": 7}, "7 is not between -3 and 3"),
        ("HelpSteer2 preference", {"preference_strength": "much"}, "'much' is no number"),
        ("Nectar", {"answers": [{"answer": "A.", "rank": 1}, {}]}, "answers[1].rank: Is missing."),
        ("PKU-SafeRLHF", {"better_response_id": 2}, "better_response_id: 2 is neither 0 nor 1."),
        ("SHP", {"labels": 0.5}, "labels: Must be true or false"),
        ("WebGPT comparisons", {"question": {}}, "question.full_text: Is missing."),
        ("Summarize from feedback, comparisons", {"summaries": []}, "Holds 0 summaries, not two."),
        ("Summarize from feedback, comparisons", {"choice": 2}, "choice: 2 is neither 0 nor 1."),
        ("Chatbot Arena conversations", {"winner": "c"}, "winner: 'c' is none of"),
        (
            "Chatbot Arena conversations",
            {"conversation_b": talk("How?", "B.")},
            "conversation_b: Does not begin with the same question as conversation_a.",
        ),
        ("Chatbot Arena conversations", {"conversation_a": []}, "Holds no messages."),
        ("Chatbot Arena, 55k", {"winner_model_a": 0}, "exactly one must be 1"),
        ("Chatbot Arena, 55k", {"response_b": '["So."]'}, "Holds 1 turns, and the prompt 2."),
        (
            "MultiPref",
            {"expert_worker_annotations": [{"overall_pref": "C"}]},
            "expert_worker_annotations[0].overall_pref: 'C' is none of",
        ),
        (
            "Community Alignment",
            {"first_turn_preferred_response": "response_e"},
            "first_turn_preferred_response: 'response_e' is none of the turn's responses.",
        ),
        ("ComparIA votes", {"chosen_model_name": "x"}, "“x” is none of the two models"),
        ("OpenAI preference file", {"input": {}}, "input.messages: Is missing."),
        ("Chat log (messages)", {"messages": talk("Why?", "A.")[1:]}, "an answer and no question"),
        ("Argilla records", {"fields": {"prompt": "Hi"}}, "fields: Holds no answers"),
        ("Argilla records", {"fields": {"response1": "Hi"}}, "fields: Holds no prompt"),
        (
            "Argilla records",
            {"fields": {"prompt": "Hi", "response1": "a", "note": "two words"}},
            "Holds what is neither prompt nor answer: note.",
        ),
        (
            "Argilla records",
            {"fields": {"prompt": "Hi", "response1": "a", "image": "https://a.example/1.png"}},
            "Holds what is neither prompt nor answer: image.",
        ),
        (
            "Argilla records",
            {"responses": {"score": [{"value": 7, "user_id": "1"}]}},
            "Answers to score name none of response1, response2.",
        ),
        ("Label Studio tasks", {"annotations": [picked("up")]}, "pairwise, which names none of"),
    ],
)
def test_what_a_source_cannot_say_is_refused_with_its_column(name, change, words):
    assert words in fault(INPUTS[name].records[0] | change)


def test_a_judgment_of_the_first_turn_says_nothing_of_the_second():
    (row,) = read({**MT_BENCH, "winner": "model_a", "turn": 1})
    assert row == "u:Q1 | A1 > B1 (m, n)"


def test_votes_that_do_not_come_to_the_overall_preference_give_way_to_it():
    notices = check_file(lines(*INPUTS["HelpSteer3 preference"].records)).notices
    assert any("single votes that do not come to the overall one" in one for one in notices)


def test_neither_of_two_answers_in_a_raw_vote_is_both_bad():
    record = INPUTS["HelpSteer2 preference"].records[0] | {
        "prompt": "Why?",
        "preference_strength": -100,
        "three_most_similar_preferences": [],
    }
    assert read(record) == ["u:Why? | Yes. and No. are bad"]


def test_of_many_ranked_answers_only_neighbours_are_pairs():
    answers = [{"answer": f"{rank}.", "rank": rank} for rank in range(12)]
    rows = read({"prompt": "Why?", "answers": answers, "turns": 1})
    assert len(rows) == 11
    assert rows[0] == "u:Why? | 0. > 1."


def test_of_many_good_and_bad_completions_each_is_in_a_pair():
    given = [{"prompt": "Why?", "completion": f"{n}.", "label": n % 3 == 0} for n in range(60)]
    rows = read(*given)
    assert len(rows) == 40
    pairs = [row.removeprefix("u:Why? | ").split(" > ") for row in rows]
    assert {text for pair in pairs for text in pair} == {f"{n}." for n in range(60)}
    assert all(int(better[:-1]) % 3 == 0 for better, _ in pairs)


def test_labels_that_compare_nothing_are_said_to_be_lost():
    notices = check_file(lines({"prompt": "Why?", "completion": "So.", "label": True})).notices
    assert any("which compares nothing: not kept" in notice for notice in notices)


def test_records_of_one_group_come_where_the_first_of_them_stood():
    records = INPUTS["HelpSteer2 ratings"].records
    rows = preview_rows(lines(*records), 9)
    assert [str(row.line) for row in rows] == ["1", "2", "5"]


def test_more_records_of_one_group_than_a_prompt_holds_are_refused(monkeypatch):
    monkeypatch.setattr("labeling.importing.sources.rows.MAX_RESPONSES", 3)
    given = [{"prompt": "Why?", "completion": f"{n}.", "label": True} for n in range(4)]
    assert "More than 3 records about one prompt." in fault(*given)


def test_a_source_is_recognised_in_a_table_too():
    table = b"history,human_ref_A,human_ref_B,labels,score_A\nWhy?,A.,B.,0,3\n"
    (row,) = preview_rows(io.BytesIO(table), name="shp.csv")
    assert shown(row) == "u:Why? | B. > A."


@pytest.mark.parametrize(
    "record",
    [
        {"prompt": "Why?", "completion": "So.", "rating": 4},
        {"messages": talk("Why?", "So."), "thumbs_up": True},
        {"question": "Why?", "chosen": "a", "rejected": "b", "winner": "b"},
        {"prompt": "Why?", "response_a": "a", "response_b": "b", "winner": "tie", "margin": 2},
    ],
)
def test_opinions_that_a_common_shape_does_not_know_are_not_left_out(record):
    assert "columns: Columns that are not understood would be lost" in fault(record)


def test_a_record_that_asks_nothing_is_said_to_be_left_out():
    record = INPUTS["Community Alignment"].records[0] | {"first_turn_prompt": ""}
    notices = check_file(lines(record, {"prompt": "Why?"})).notices
    assert any("that hold no question, left out" in notice for notice in notices)


@pytest.mark.parametrize(
    ("value", "names", "verdict"),
    [
        ("response2", ["response1", "response2"], "second"),
        ("Response 1", ["answer-1", "answer-2"], "first"),
        ("1", ["response_0", "response_1"], "second"),
        (1, ["answer1", "answer2"], "first"),
        ("0", ["answer1", "answer2"], None),
        ("1", ["left", "right"], None),
        ("B", ["answer_a", "answer_b"], "second"),
        ("b", ["answer1", "answer2"], "second"),
        (["left"], ["answer1", "answer2"], "first"),
        ("rejected", ["chosen", "rejected"], "second"),
        ("Both bad", ["answer1", "answer2"], "both_bad"),
        ("tie", ["answer1", "answer2"], "tie"),
        ("Response 2 is slightly better", ["response_1", "response_2"], "second"),
        ("A is better", ["answer1", "answer2"], "first"),
        ("better", ["answer1", "answer2"], None),
        (None, ["answer1", "answer2"], None),
        ([], ["answer1", "answer2"], None),
        ("maybe", ["answer1", "answer2"], None),
    ],
)
def test_peoples_words_name_one_of_two_answers_or_none(value, names, verdict):
    named = verdict_of(value, names)
    assert (named.value if named else None) == verdict


def test_a_comment_beside_a_choice_in_label_studio_is_no_opinion():
    record = INPUTS["Label Studio tasks"].records[0]
    comment = {"type": "textarea", "value": {"text": ["Both are short."]}}
    choice = picked("right")["result"]
    assert read(record | {"annotations": [picked("left", result=[comment, *choice])]}) == [
        "u:Hi | Yo > Hello"
    ]
    assert "Holds textarea" in fault(record | {"annotations": [picked("left", result=[comment])]})


def test_a_text_that_says_left_is_no_opinion_of_a_table():
    row = INPUTS["Label Studio, one annotation to a row"].records[0]
    assert read(row | {"answer1": "left", "pw": "right"}) == ["u:Hi | Yo > left"]


def test_a_ranking_in_argilla_may_be_the_fields_in_their_order():
    record = INPUTS["Argilla records"].records[0] | {
        "fields": {"prompt": "Hi", "response1": "a", "response2": "b", "response3": "c"},
        "responses": {"rank": [{"value": ["response3", "response1", "response2"]}]},
    }
    assert read(record) == ["u:Hi | c > a", "u:Hi | c > b", "u:Hi | a > b"]


def test_an_instruction_without_completions_is_a_prompt_alone():
    record = INPUTS["UltraFeedback, raw"].records[0] | {"completions": [], "models": []}
    assert read(record) == ["u:Why? | "]


def test_a_judge_that_contradicts_itself_when_sides_are_swapped_says_tie():
    assert read({**MT_BENCH, "winner": "tie (inconsistent)", "turn": 1}) == [
        "u:Q1 | A1 = B1 (m, n)"
    ]
