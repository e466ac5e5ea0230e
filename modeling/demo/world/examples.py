"""What a fresh demo project starts with: prompts, and comparisons to label at once."""

import random
from dataclasses import replace
from itertools import cycle
from typing import TypedDict

from modeling.demo.world.questions import Message, Question, questions
from modeling.demo.world.responses import Traits, respond


class ExamplePrompt(TypedDict):
    messages: list[Message]
    tags: list[str]


class ExampleResponse(TypedDict):
    text: str
    source: str


class ExampleComparison(ExamplePrompt):
    responses: list[ExampleResponse]


SOURCE = "demo writer"

# Families in the order they take turns; those worth reading come more than once in a cycle.
TURN_ORDER = (
    "how-tos", "capitals", "small talk", "opposites", "lists", "how-tos", "sums", "small talk",
    "animals", "colours", "how-tos", "plurals", "lists", "tools", "small talk", "past tense",
    "continents", "days", "months",
)  # fmt: skip

# Pairs that give a labeler something to decide, from plain to tricky.
CONTRASTS = (
    (Traits("right", "polite"), Traits("wrong", "plain")),
    (Traits("right", "plain"), Traits("right", "plain", "rambling")),
    (Traits("right", "plain"), Traits("partial", "plain")),
    (Traits("right", "rude"), Traits("wrong", "polite")),
    (Traits("right", "polite"), Traits("right", "rude")),
    (Traits("right", "plain", "detailed"), Traits("evasive", "polite")),
    (Traits("right", "polite"), Traits("right", "plain", "plain", "cut")),
    (Traits("partial", "polite"), Traits("right", "plain", "terse")),
    (Traits("right", "polite"), Traits("right", "plain")),
    (Traits("wrong", "rude"), Traits("wrong", "polite")),
)


def starting_prompts(n: int, seed: int = 0) -> list[ExamplePrompt]:
    """`n` distinct prompts (at most all there are), mixed over the families."""
    return [
        {"messages": question.messages, "tags": question.tags}
        for question in mixed_questions(seed)[:n]
    ]


def starting_comparisons(n: int = 80, seed: int = 0) -> list[ExampleComparison]:
    """`n` prompts with two responses each; they are the first `n` of `starting_prompts`."""
    rng = random.Random(f"comparisons {seed}")
    contrasts = cycle(CONTRASTS)
    return [
        {
            "messages": question.messages,
            "responses": [
                {"text": text, "source": SOURCE}
                for text in contrasting_pair(question, next(contrasts), rng)
            ],
            "tags": question.tags,
        }
        for question in mixed_questions(seed)[:n]
    ]


def contrasting_pair(
    question: Question, contrast: tuple[Traits, Traits], rng: random.Random
) -> list[str]:
    """Two different texts in random order."""
    first, second = (respond(question, rng, traits) for traits in contrast)
    while " ".join(first.casefold().split()) == " ".join(second.casefold().split()):
        second = respond(question, rng, replace(contrast[1], answer="wrong"))
    pair = [first, second]
    rng.shuffle(pair)
    return pair


def mixed_questions(seed: int) -> list[Question]:
    """All questions, shuffled, with the families taking turns as long as they last."""
    shuffled = list(questions())
    random.Random(f"prompts {seed}").shuffle(shuffled)
    waiting: dict[str, list[Question]] = {family: [] for family in TURN_ORDER}
    for question in shuffled:
        waiting[question.family].append(question)
    order: list[Question] = []
    for family in cycle(TURN_ORDER):
        if waiting[family]:
            order.append(waiting[family].pop())
        if len(order) == len(shuffled):
            return order
    raise AssertionError("unreachable: the cycle has no end")
