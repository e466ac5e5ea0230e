"""Unknown columns: what would be lost stops a file, what is about a row is left out and said."""

import io
import json

import pytest

from labeling.importing import ImportRefused, check_file

PAIR = {"prompt": "Why is the sky blue?", "chosen": "It scatters.", "rejected": "Magic."}
ALONE = {"prompt": "Why is the sky blue?"}
TALK = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]


def found(*rows: dict):
    return check_file(io.BytesIO("\n".join(map(json.dumps, rows)).encode()))


def named(*rows: dict) -> str:
    """What the one sentence says that refuses the file."""
    with pytest.raises(ImportRefused) as refused:
        found(*rows)
    assert refused.value.total == 1
    (problem,) = refused.value.problems
    assert problem.field == "columns"
    return problem.problem.rpartition(": ")[2]


@pytest.mark.parametrize(
    "columns",
    [
        {"response_1": "It scatters.", "response_2": "Magic.", "strength_of_1": -1},
        {"response": "It scatters.", "helpfulness": 3, "correctness": 4},
        {"answers": [{"answer": "It scatters.", "place": 1}]},
        {"response_0": "a", "response_1": "b", "is_response_1_safe": True},
        {"response-1": "a", "response-2": "b", "preference-suggestion": "response-1"},
        {"completions": [{"response": "a", "overall_score": 8}], "models": ["x"]},
        {"completion": "It scatters.", "quality": 4},
        {"output_1": "a b", "output_2": "c d", "preference": 2},
        {"answer_0": "a", "answer_1": "b", "score_0": 0.5},
        {"response_j": "a", "response_k": "b"},
        {"conversation_a": TALK, "conversation_b": TALK, "model_a": "x"},
        {"generations": ["a b", "c d"], "labelling_model": "x"},
        {"Choice A": "It scatters.", "Choice B": "Magic.", "Probability of A": 0.7},
        {"A": "It scatters.", "B": "Magic."},
        {"A0": TALK, "A1": TALK},
        {"left": "yes", "right": "no"},
        {"fortune": "It scatters light.", "oracle": "It is magic."},
        {"gpt4": "It scatters light."},
        {"humanRefA": "It scatters.", "humanRefB": "Magic."},
        {"strength": 2.0},
        {"images": ["a.png"]},
        {"Chosen": "a", "Rejected": "b"},
    ],
)
def test_a_prompt_with_unknown_answers_or_opinions_stops_the_file(columns):
    said = named(ALONE | columns)
    assert all(name in said for name in columns if name != "labelling_model")


@pytest.mark.parametrize(
    "columns",
    [
        {"helpfulness_chosen": 8.0, "helpfulness_rejected": 3.0},
        {"winner": "chosen"},
        {"messages": TALK},
        {"question": "Why?"},
        {"instruction": "Why?"},
        {"context": "About skies."},
        {"is_better": True},
        {"SYSTEM": "Be kind."},
        {"explanation": "The second one is nonsense."},
    ],
)
def test_a_triple_with_opinions_or_further_texts_stops_the_file(columns):
    said = named(PAIR | columns)
    assert all(name in said for name in columns)


def test_an_opinion_of_two_responses_stops_the_file():
    responses = ALONE | {"responses": ["a", "b"]}
    assert named(responses | {"models": ["x", "y"], "judgments": [1, 2]}) == "models, judgments."
    assert named(responses | {"agreement": 1.0, "tiers": [[1], [2]]}) == "agreement, tiers."


def test_what_a_response_says_of_itself_is_kept_and_said():
    responses = [{"text": "a", "score": 1}, {"text": "b", "score": 2}]
    (notice,) = found(ALONE | {"responses": responses}).notices
    assert notice.startswith("field “responses.score” kept as metadata of its response")


def test_columns_in_place_of_the_prompt_are_named_and_not_the_missing_prompt():
    assert "query" in named({"query": "Why?", "chosen": "a", "rejected": "b"})
    said = named({"history": "Why?", "human_ref_1": "a", "human_ref_2": "b", "labels": 1})
    assert "history, human_ref_1, human_ref_2, labels" in said
    tree = {"text": "Why?", "role": "prompter", "replies": [{"text": "So.", "rank": 0}]}
    assert "prompt.replies" in named({"tree": "x", "prompt": tree})


@pytest.mark.parametrize("shape", [PAIR, ALONE, ALONE | {"responses": ["a", "b"]}])
def test_what_is_about_the_row_is_kept_and_said(shape):
    about = {
        "question_id": 81,
        "source": "a forum, collected in 2020",
        "language": "English",
        "category": "physics of light",
        "timestamp": "2020-02-02T02:02:02",
        "dataset": "skies",
        "url": "https://skies.example/1",
        "num_responses": 7,
        "turn": 1,
        "prompt_tokens": 12,
        "model_name": "x",
        "difficulty": "very easy",
        "__index_level_0__": 3,
    }
    notices = found(shape | about).notices
    kept = [f"“{name}” kept as metadata of the prompt" for name in about]
    assert all(any(words in notice for notice in notices) for words in kept)


def test_columns_that_hold_nothing_lose_nothing():
    nothing = {"response_1": None, "score": None, "answers": [], "label": "", "kind": None}
    assert found(ALONE | nothing).shapes == {"prompts alone": 1}


def test_what_the_row_says_already_loses_nothing():
    row = {"prompt": "Why?", "chosen": TALK, "rejected": [TALK[0], TALK[1] | {"content": "No."}]}
    notices = found(row | {"question": "Why?", "messages": TALK}).notices
    assert any("“messages” not kept: the row says so already" in notice for notice in notices)
    assert named(row | {"question": "Why not?", "messages": TALK}) == "question."


def test_the_columns_of_a_whole_file_are_one_sentence():
    rows = [ALONE | ({"score": n} if n % 2 else {"answer": "a b"}) for n in range(300)]
    assert named({"prompt": "First?"}, *rows) == "answer, score."


def test_a_long_file_is_not_read_to_its_end_for_them(monkeypatch):
    monkeypatch.setattr("labeling.importing.lines.columns.READ_ON", 10)
    rows = [ALONE | {"score": 1}] * 20
    assert named(*rows, ALONE | {"label": 1}) == "score."


def test_faults_beside_the_columns_are_told_too():
    with pytest.raises(ImportRefused) as refused:
        found(ALONE | {"score": 1}, {"prompt": 7})
    assert [problem.field for problem in refused.value.problems] == ["columns", "prompt"]
