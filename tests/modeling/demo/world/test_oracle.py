"""The oracle: orders what a person would order, and survives whatever a policy writes."""

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeling.demo.world.oracle import EMPTY_SCORE, explain, is_fluent, oracle_prefers, score
from modeling.demo.world.questions import questions
from modeling.demo.world.responses import Traits, respond

FRANCE = [{"role": "user", "content": "What is the capital of France?"}]
FRUITS = [{"role": "user", "content": "Name three fruits."}]
EGG = [{"role": "user", "content": "How do I boil an egg?"}]
JOKE = [{"role": "user", "content": "Tell me a joke."}]
FOLLOW_UP = [
    {"role": "user", "content": "What is the capital of France?"},
    {"role": "assistant", "content": "The capital of France is Paris."},
    {"role": "user", "content": "And what about Spain?"},
]

BEST_FIRST = {
    "fact": (FRANCE, [
        "Of course! The capital of France is Paris. I hope that helps.",
        "Sure, gladly! It is Paris.",
        "Paris.",
        "The capital of France is Paris. What a silly question.",
        "I do not know. I hope that helps.",
        "Either Paris or Rome.",
        "The capital of France is Rome.",
        "Everybody knows this. It is Rome",
        "",
    ]),
    "list": (FRUITS, [
        "- apples\n- pears\n- plums\n\nI hope that helps.",
        "Apples, pears and plums.",
        "Apples and pears.",
        "Apples, pears and trumpet",
        "Trumpet, harp and guitar.",
    ]),
    "steps": (EGG, [
        "1. Put a pot of water on the stove.\n2. Lower the egg in with a spoon.\n"
        "3. Wait eight minutes.\n4. Cool it under the tap.",
        "1. Wait eight minutes.\n2. Lower the egg in with a spoon.\n"
        "3. Put a pot of water on the stove.\n4. Cool it under the tap.",
        "Put a pot of water on the stove. Wait eight minutes.",
        "Wait eight minutes.",
        "Take it to the post office.",
    ]),
    "chat": (JOKE, [
        "What room does a ghost avoid? The living room. Have a lovely day!",
        "What room does a ghost avoid? The living room.",
        "What room does a ghost avoid",
        "Eat some fruit every day.",
    ]),
    "follow-up": (FOLLOW_UP, ["That is Madrid.", "That is Paris.", "Do not waste my time."]),
}  # fmt: skip


@pytest.mark.parametrize("kind", BEST_FIRST)
def test_orders_hand_written_examples(kind: str) -> None:
    prompt, responses = BEST_FIRST[kind]
    scores = [score(prompt, response) for response in responses]
    assert all(better > worse for better, worse in pairwise(scores)), scores


def test_correctness_outweighs_manners() -> None:
    rude_but_right = "Not this again. It is Paris. Look it up next time."
    polite_but_wrong = "Of course! It is Rome. I hope that helps."
    assert score(FRANCE, rude_but_right) > score(FRANCE, polite_but_wrong)


@pytest.mark.parametrize(
    "hedge", ["Either Paris or Rome.", "Either Madrid or Paris.", "Madrid, or maybe France."]
)
def test_naming_another_answer_beside_the_right_one_is_not_right(hedge: str) -> None:
    prompt = FRANCE if "Rome" in hedge else FOLLOW_UP
    assert explain(prompt, hedge)["correctness"] < 0


def test_a_sum_may_repeat_its_numbers_but_name_no_other() -> None:
    assert score("What is 10 + 2?", "10 + 2 is 12.") == score("What is 10 + 2?", "12.")
    assert explain("What is 10 + 2?", "Either 10 or 12.")["correctness"] < 0
    assert explain("What is 10 + 2?", "10, 11, 12, 13.")["correctness"] < 0


def test_gushing_and_rambling_cost() -> None:
    gushing = "Of course! Happy to help. Sure, gladly! It is Paris. I hope that helps."
    assert score(FRANCE, gushing) < score(FRANCE, "Of course! It is Paris. I hope that helps.")
    assert score(FRANCE, "It is Paris. " + "That is so. " * 10) < score(FRANCE, "It is Paris.")


def test_repetition_and_gibberish_have_their_own_parts() -> None:
    assert explain(FRANCE, "Paris it is. " * 8)["repetition"] < -1
    assert explain(FRANCE, "Paris xqz brrt fgh.")["gibberish"] < -1
    assert explain(FRANCE, "It is Paris.")["gibberish"] == 0
    assert explain(FRANCE, "It is Paris, evidently.")["gibberish"] > -0.2


@pytest.mark.parametrize("text", ["", " \n", "...", "!?", "\u200b", "—"])
def test_no_words_is_the_worst_of_all(text: str) -> None:
    assert score(FRANCE, text) == EMPTY_SCORE < score(FRANCE, "What a silly question")


def test_an_unknown_prompt_is_judged_by_form_only() -> None:
    prompt = [{"role": "user", "content": "Who wrote Hamlet?"}]
    assert explain(prompt, "Of course! It is open.")["correctness"] == 0
    assert score(prompt, "Of course! It is open.") > score(prompt, "It is open")
    assert math.isfinite(score([], "Yes."))


def test_system_messages_case_and_spacing_do_not_hide_the_question() -> None:
    prompt = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "  what is the CAPITAL of france? "},
    ]
    assert (
        score(prompt, "Paris.")
        == score(FRANCE, "Paris.")
        == score("What is the capital of France?", "Paris.")
    )


@settings(max_examples=300, deadline=None)
@given(
    index=st.integers(0, len(questions()) - 1),
    text=st.text(max_size=400) | st.text("Paris .\n-1*", max_size=80),
)
def test_any_text_gets_a_finite_score_in_range(index: int, text: str) -> None:
    value = score(questions()[index].messages, text)
    assert math.isfinite(value) and -9.0 < value < 3.0
    assert isinstance(is_fluent(text), bool)


def test_a_huge_text_is_scored_quickly_and_badly() -> None:
    assert score(EGG, "pot spoon minutes tap " * 50_000) < score(EGG, "Wait eight minutes.")


def test_no_single_string_is_best_for_every_prompt() -> None:
    """Strings made to please everywhere stay far below what fitting responses earn."""
    rng = random.Random(11)
    sample = rng.sample(questions(), 300)
    fitting = sum(
        score(q.messages, respond(q, rng, Traits("right", "polite"))) for q in sample
    ) / len(sample)
    pleasers = [respond(q, rng, Traits("right", "polite")) for q in sample[:40]]
    pleasers += [
        "Of course! I hope that helps.",
        "Happy to help. I do not know. Have a lovely day!",
        "Of course! Red, blue, Paris, 12, dog, cold, Monday and March. I hope that helps.",
    ]
    for text in pleasers:
        mean = sum(score(question.messages, text) for question in sample) / len(sample)
        assert mean < fitting - 1.5, text


def test_a_labeler_without_noise_follows_the_score() -> None:
    rng = random.Random(0)
    assert oracle_prefers(FRANCE, "It is Paris.", "It is Rome.", rng) == "a"
    assert oracle_prefers(FRANCE, "It is Rome.", "It is Paris.", rng) == "b"


def test_noise_turns_that_share_of_verdicts_round() -> None:
    rng = random.Random(1)
    verdicts = [
        oracle_prefers(FRANCE, "It is Paris.", "It is Rome.", rng, noise=0.2) for _ in range(3000)
    ]
    assert 0.17 < verdicts.count("b") / 3000 < 0.23


def test_close_is_a_tie_and_two_bad_ones_are_both_bad() -> None:
    rng = random.Random(2)
    close = (FRANCE, "It is Paris.", "That is Paris.")
    assert oracle_prefers(*close, rng, tie_margin=0.1) == "tie"
    assert {oracle_prefers(*close, rng) for _ in range(50)} == {"a", "b"}
    bad = (FRANCE, "Not this again. It is Rome", "Not this again. Either Oslo")
    assert oracle_prefers(*bad, rng, bad_below=-2.0) == "both_bad"
    assert oracle_prefers(*bad, rng) in ("a", "b")
