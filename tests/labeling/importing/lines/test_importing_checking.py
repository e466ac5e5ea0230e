"""One object at a time: what is taken from it, and what is said when it is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.importing.lines.answer_fields import NewResponse
from labeling.importing.lines.checking import check_row
from labeling.importing.lines.rows import CheckedRow
from labeling.importing.lines.turns import split_dialogue
from labeling.importing.pairing import pick_pairs
from labeling.importing.reports import NoticeCounter

USER = {"role": "user", "content": "Hi?"}
REPLY = {"role": "assistant", "content": "Hello."}


def row_of(**data) -> CheckedRow:
    row = check_row(1, data)
    assert isinstance(row, CheckedRow), row
    return row


def faults(**data) -> list[tuple[str, str]]:
    row = check_row(7, data)
    assert isinstance(row, list), row
    assert {problem.line for problem in row} == {7}
    return [(problem.field, problem.problem) for problem in row]


def test_a_text_is_one_user_message():
    assert row_of(prompt="Hi?").messages == [USER]


def test_a_message_list_is_kept():
    messages = [{"role": "system", "content": ""}, USER, REPLY, USER]
    assert row_of(prompt=messages).messages == messages


def test_markup_and_odd_writing_are_kept_as_they_are():
    text = "<script>alert(1)</script> مرحبا 👩‍👩‍👧 \u202e \u200b **bold**"
    assert row_of(prompt=text, responses=[text]).responses == [NewResponse(text)]


def test_a_response_of_200_kilobytes_is_taken():
    assert row_of(prompt="Hi?", responses=["x" * 200_000]).size == 200_000


def test_responses_are_texts_or_objects_and_know_their_model():
    row = row_of(prompt="Hi?", model="m", responses=["a", {"text": "b", "model": "n"}])
    assert row.responses == [NewResponse("a", "m"), NewResponse("b", "n")]


def test_an_empty_response_is_kept_and_counted():
    notices = NoticeCounter()
    row = check_row(3, {"prompt": "Hi?", "responses": ["", "x"]}, notices)
    assert isinstance(row, CheckedRow)
    assert len(row.responses) == 2
    assert notices.sentences() == ["empty responses, kept: 1 (line 3)"]


def test_unknown_fields_are_counted_not_refused():
    notices = NoticeCounter()
    data = {"prompt": "Hi?", "scroe": 1, "responses": [{"text": "a", "score": 0.5}]}
    assert isinstance(check_row(1, data, notices), CheckedRow)
    assert sorted(notices.sentences()) == [
        "field “responses.score” kept as metadata of its response: 1 (line 1)",
        "field “scroe” kept as metadata of the prompt: 1 (line 1)",
    ]


def test_a_triple_of_texts():
    row = row_of(prompt="Hi?", chosen="a", rejected="b", strength=2, tags=["x"])
    assert row.responses == [NewResponse("a"), NewResponse("b")]
    assert (row.opinion.strength, row.opinion.target, row.tags) == (2.0, 1.0, ["x"])


def test_a_triple_of_single_messages():
    row = row_of(prompt=[USER], chosen=[REPLY], rejected=[REPLY | {"content": "No."}])
    assert [response.text for response in row.responses] == ["Hello.", "No."]


def test_whole_conversations_carry_their_prompt():
    row = row_of(chosen=[USER, REPLY], rejected=[USER, REPLY | {"content": "No."}])
    assert row.messages == [USER]


def test_a_prompt_repeated_in_front_of_both_answers_is_one_prompt():
    system = {"role": "system", "content": "Be kind."}
    conversation = [system, USER, REPLY]
    row = row_of(prompt="Hi?", chosen=conversation, rejected=[*conversation[:2], REPLY])
    assert row.messages == [system, USER]


def test_conversations_about_different_prompts_are_refused():
    other = USER | {"content": "Bye?"}
    assert faults(chosen=[USER, REPLY], rejected=[other, REPLY]) == [
        ("rejected", "Does not begin with the same messages as chosen.")
    ]
    assert faults(prompt=[other], chosen=[USER, REPLY], rejected=[USER, REPLY]) == [
        ("chosen", "Begins with other messages than the prompt.")
    ]


def test_a_tie_from_an_export_stays_a_tie():
    opinion = row_of(prompt="Hi?", chosen="a", rejected="b", kind="tie", strength=0.0).opinion
    assert (opinion.kind, opinion.target, opinion.strength) == ("tie", 0.5, None)


@pytest.mark.parametrize(
    ("data", "field", "words"),
    [
        ({}, "prompt", "Is missing."),
        ({"prompt": ""}, "prompt", "Is empty."),
        ({"prompt": " \n"}, "prompt", "Is empty."),
        ({"prompt": 7}, "prompt", "Must be a text or a list"),
        ({"prompt": []}, "prompt", "Must be a text or a list"),
        ({"prompt": ["Hi?"]}, "prompt[0]", "must be an object, not a text"),
        ({"prompt": [{"role": "user"}]}, "prompt[0].content", "Is missing."),
        ({"prompt": [{"role": "bot", "content": ""}]}, "prompt[0].role", "no known role"),
        ({"prompt": [{"role": [], "content": ""}]}, "prompt[0].role", "no known role"),
        ({"prompt": [{"role": "user", "content": [1]}]}, "prompt[0].content[0]", "only text"),
        ({"prompt": [USER, REPLY]}, "prompt", "last message is the assistant's"),
        ({"prompt": "a\x00b"}, "prompt", "NUL"),
        ({"prompt": "a\ud800b"}, "prompt", "half of a surrogate pair (\\ud800)"),
        ({"prompt": "Hi?", "responses": "a"}, "responses", "Must be a list, not a text."),
        ({"prompt": "Hi?", "responses": [None]}, "responses[0]", "not null"),
        ({"prompt": "Hi?", "responses": ["a", {}]}, "responses[1].text", "Is missing."),
        ({"prompt": "Hi?", "responses": ["\x00"]}, "responses[0]", "NUL"),
        ({"prompt": "Hi?", "responses": ["a"] * 1001}, "responses", "at most 1,000"),
        ({"prompt": "Hi?", "chosen": "a"}, "rejected", "Is missing."),
        ({"prompt": "Hi?", "rejected": "a"}, "chosen", "Is missing."),
        ({"chosen": "a", "rejected": "b"}, "prompt", "Is missing."),
        ({"prompt": "Hi?", "chosen": 1, "rejected": "b"}, "chosen", "text or a list"),
        ({"prompt": "Hi?", "chosen": [USER], "rejected": "b"}, "chosen", "the user's"),
        ({"prompt": "Hi?", "tags": "x"}, "tags", "Must be a list of texts"),
        ({"prompt": "Hi?", "tags": [1]}, "tags[0]", "not a number"),
        ({"prompt": "Hi?", "tags": ["x" * 121]}, "tags[0]", "at most 120"),
    ],
)
def test_what_is_wrong_is_said_with_its_field(data, field, words):
    problems = faults(**data)
    assert [name for name, _ in problems] == [field]
    assert words in problems[0][1]


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ({"kind": "win"}, "kind"),
        ({"kind": {}}, "kind"),
        ({"strength": "much"}, "strength"),
        ({"strength": True}, "strength"),
        ({"strength": 4}, "strength"),
        ({"weight": 0}, "weight"),
        ({"target": 1.5}, "target"),
        ({"chosen_model": True}, "chosen_model"),
        ({"responses": ["c"]}, "responses"),
    ],
)
def test_what_a_triple_adds_is_checked(extra, field):
    problems = faults(prompt="Hi?", chosen="a", rejected="b", **extra)
    assert [name for name, _ in problems] == [field]


def test_all_faults_of_a_row_are_told_at_once():
    problems = faults(prompt=1, tags=2, responses=[3, "fine", None])
    assert [name for name, _ in problems] == ["tags", "prompt", "responses[0]", "responses[2]"]


def test_a_dialogue_is_split_into_turns():
    row = row_of(prompt="\n\nHuman: Hi?\n\nAssistant: Hello.\n\nHuman: And?\n\nAssistant:")
    assert row.messages == [USER, REPLY, {"role": "user", "content": "And?"}]


def test_a_dialogue_without_prompt_is_found_in_both_answers():
    start = "\n\nHuman: Hi?\n\nAssistant: "
    row = row_of(chosen=start + "Hello.", rejected=start + "No.")
    assert row.messages == [USER]
    assert [response.text for response in row.responses] == ["Hello.", "No."]


@pytest.mark.parametrize(
    "text",
    [
        "Human: One.\n\nHuman: Two.\n\nAssistant:",
        "Assistant: Hello.\n\nHuman: Hi?\n\nAssistant:",
        "He said.\n\nHuman: Hi?\n\nAssistant:",
        "Human: Hi?\n\nAssistant: \n\nHuman: Hello?\n\nAssistant:",
        "Human: Hi?\n\nAssistant: And then",
        "Human: Hi?",
    ],
)
def test_a_dialogue_that_does_not_parse_cleanly_stays_one_text(text):
    assert row_of(prompt=text).messages == [{"role": "user", "content": text}]


turn = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: text.strip() == text and "\n\nHuman:" not in text and "\n\nAssistant:" not in text
)


@given(st.lists(turn, min_size=1, max_size=5).filter(lambda turns: len(turns) % 2 == 1))
def test_splitting_a_dialogue_gives_back_its_turns(turns):
    speakers = ["Human", "Assistant"] * len(turns)
    lines = [f"{speaker}: {text}" for speaker, text in zip(speakers, turns, strict=False)]
    split = split_dialogue("\n\n".join([*lines, "Assistant:"]))
    assert [message["content"] for message in split] == [*turns, ""]


@given(st.integers(0, 12), st.integers(0, 80), st.text(max_size=5))
def test_pairs_are_different_and_as_many_as_asked_for(count, wanted, seed):
    pairs = pick_pairs(range(count), wanted, seed=seed)
    assert len(pairs) == min(wanted, count * (count - 1) // 2)
    assert len({frozenset(pair) for pair in pairs}) == len(pairs)
    assert all(left != right for left, right in pairs)


@pytest.mark.parametrize("count", [2, 4, 6, 8])
def test_every_response_is_compared_before_one_is_compared_twice(count):
    pairs = pick_pairs(range(count), count // 2, seed="any")
    assert sorted(item for pair in pairs for item in pair) == [*range(count)]


def test_pairs_follow_from_the_seed():
    assert pick_pairs(range(9), 3, seed="a") == pick_pairs(range(9), 3, seed="a")
    assert len({tuple(pick_pairs(range(9), 1, seed=str(n))) for n in range(50)}) > 10
