"""The demo world: enough distinct prompts, and responses that are what they are asked to be."""

import random
import subprocess
import sys
from itertools import islice

import pytest

from modeling.demo.world import find_question, is_fluent, score
from modeling.demo.world.examples import starting_comparisons, starting_prompts
from modeling.demo.world.oracle import correctness, ends_well, politeness
from modeling.demo.world.questions import Question, questions
from modeling.demo.world.responses import Traits, draw_traits, respond, respond_distinctly
from modeling.demo.world.tables import CATEGORIES


def sample_questions(n: int = 300) -> list[Question]:
    return random.Random(5).sample(questions(), n)


def normal(text: str) -> str:
    return " ".join(text.casefold().split())


def test_there_are_many_prompts_and_none_twice() -> None:
    prompts = [tuple(normal(turn) for turn in question.turns) for question in questions()]
    assert len(prompts) >= 1500
    assert len(set(prompts)) == len(prompts)


def test_every_prompt_finds_its_question() -> None:
    assert all(find_question(question.messages) is question for question in questions())


def test_messages_alternate_and_end_with_the_user() -> None:
    for question in questions():
        roles = [message["role"] for message in question.messages]
        assert roles == ["user", "assistant", "user"][: len(roles)] and len(roles) in (1, 3)


def test_no_question_already_states_its_answer() -> None:
    for question in questions():
        if question.kind == "fact" and question.family != "sums":
            said = " ".join(question.turns)
            assert correctness(question, said) < 1 or question.answers[0] == "saw", question.turns


def test_categories_share_no_member() -> None:
    members = [member for category in CATEGORIES.values() for member in category]
    assert len(set(members)) == len(members)


def test_the_same_seed_writes_the_same_responses() -> None:
    def texts(seed: int) -> list[str]:
        rng = random.Random(seed)
        return [respond(question, rng) for question in sample_questions()]

    assert texts(1) == texts(1)
    assert texts(1) != texts(2)


def test_the_generator_writes_only_words_of_the_world() -> None:
    rng = random.Random(3)
    texts = [respond(q, rng, Traits("right", "polite", "rambling")) for q in sample_questions()]
    assert all(is_fluent(text) for text in texts)


def test_right_is_judged_right_and_wrong_is_judged_wrong() -> None:
    rng = random.Random(4)
    for question in questions():
        for size in ("plain", "rambling", "detailed"):
            right = respond(question, rng, Traits("right", "polite", size))
            wrong = respond(question, rng, Traits("wrong", "rude", size))
            assert correctness(question, right) == 1.0, right
            assert correctness(question, wrong) < 0.0, (question.turns, wrong)


@pytest.mark.parametrize("answer", ["partial", "evasive"])
def test_in_between_answers_score_in_between(answer: str) -> None:
    rng = random.Random(6)
    for question in sample_questions():
        value = correctness(question, respond(question, rng, Traits(answer)))
        assert -1.0 <= value < 1.0 if question.kind != "steps" else value <= 1.0


def test_tone_and_ending_show_in_the_text() -> None:
    rng = random.Random(7)
    for question in sample_questions():
        assert politeness(respond(question, rng, Traits(tone="polite"))) > 0
        assert politeness(respond(question, rng, Traits(tone="plain"))) == 0
        assert politeness(respond(question, rng, Traits(tone="rude"))) < 0
        cut = respond(question, rng, Traits(ending="cut"))
        assert cut.strip()
        if question.kind != "list":  # a list may be cut after a whole bullet
            assert not ends_well(question, cut)


def test_distinct_responses_are_distinct_and_never_empty() -> None:
    rng = random.Random(8)
    for question in sample_questions(100):
        texts = respond_distinctly(question, rng, 5)
        assert len(set(texts)) == 5 and all(text.strip() for text in texts)


def test_the_longer_of_two_responses_is_no_giveaway() -> None:
    rng = random.Random(9)
    wins = []
    for question in rng.choices(questions(), k=3000):
        a, b = respond_distinctly(question, rng, 2)
        gap = score(question.messages, a) - score(question.messages, b)
        if gap and len(a) != len(b):
            wins.append((gap > 0) == (len(a) > len(b)))
    assert 0.45 <= sum(wins) / len(wins) <= 0.60


def test_the_mixture_leaves_room_to_improve() -> None:
    rng = random.Random(10)
    scores = [
        [score(question.messages, respond(question, rng, draw_traits(rng))) for _ in range(16)]
        for question in sample_questions(200)
    ]
    mean = sum(map(sum, scores)) / (16 * len(scores))
    best = sum(map(max, scores)) / len(scores)
    assert -0.3 < mean < 0.4
    assert best > mean + 2.0


def test_a_fresh_project_starts_with_comparisons_of_different_texts() -> None:
    comparisons = starting_comparisons(100)
    prompts = [tuple(m["content"] for m in comparison["messages"]) for comparison in comparisons]
    assert len(set(prompts)) == 100
    for comparison in comparisons:
        first, second = (normal(response["text"]) for response in comparison["responses"])
        assert first and second and first != second
    families = {comparison["tags"][0] for comparison in comparisons}
    assert len(families) == len({question.family for question in questions()})
    assert sum("multi-turn" in comparison["tags"] for comparison in comparisons) >= 10
    assert any("\n- " in r["text"] for c in comparisons for r in c["responses"])


def test_starting_prompts_are_distinct_seeded_and_begin_with_the_compared_ones() -> None:
    prompts = starting_prompts(500, seed=1)
    assert prompts == starting_prompts(500, seed=1) != starting_prompts(500, seed=2)
    assert len({str(prompt["messages"]) for prompt in prompts}) == 500
    compared = [c["messages"] for c in islice(starting_comparisons(60, seed=1), 60)]
    assert compared == [prompt["messages"] for prompt in prompts[:60]]
    assert len(starting_prompts(10**6)) == len(questions())


def test_the_world_needs_neither_torch_nor_django() -> None:
    code = (
        "import sys, modeling.demo.world, modeling.demo.world.examples as e;"
        "e.starting_comparisons();"
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'django')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
