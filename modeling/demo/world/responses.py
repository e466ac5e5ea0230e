"""Writes responses to the demo questions, good and bad, from a seeded random generator."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from modeling.demo.world import phrases, tables
from modeling.demo.world.questions import Question, questions, say


@dataclass(frozen=True)
class Traits:
    """What kind of response to write; every combination makes sense."""

    answer: str = "right"  # right, partial, wrong, evasive
    tone: str = "plain"  # polite, plain, rude
    size: str = "plain"  # terse, plain, detailed, rambling
    ending: str = "whole"  # whole, cut, repeated


# The mixture that the demo policy learns: fluent, right about half the time, seldom polite.
MEDIOCRE: dict[str, dict[str, float]] = {
    "answer": {"right": 0.48, "partial": 0.12, "wrong": 0.31, "evasive": 0.09},
    "tone": {"polite": 0.30, "plain": 0.48, "rude": 0.22},
    "size": {"terse": 0.22, "plain": 0.40, "detailed": 0.15, "rambling": 0.23},
    "ending": {"whole": 0.80, "cut": 0.15, "repeated": 0.05},
}


def draw_traits(rng: random.Random) -> Traits:
    drawn = {
        trait: rng.choices(list(weights), list(weights.values()))[0]
        for trait, weights in MEDIOCRE.items()
    }
    return Traits(**drawn)


def respond(question: Question, rng: random.Random, traits: Traits | None = None) -> str:
    """One response; the same question, traits and generator state give the same text."""
    traits = traits or draw_traits(rng)
    parts = [write_body(question, traits, rng)]
    is_block = "\n" in parts[0]
    if traits.size == "detailed" and question.kind == "fact" and traits.answer != "evasive":
        parts.append(rng.choice(phrases.DETAILS))
    if traits.size == "rambling":
        parts.insert(rng.choice((0, len(parts))), rng.choice(phrases.RAMBLING))
    if traits.ending == "repeated":
        parts.append(parts[-1])
    opener, closer = draw_manners(traits.tone, rng)
    parts = [opener, *parts, closer]
    text = ("\n\n" if is_block else " ").join(part for part in parts if part)
    return cut_short(text, rng) if traits.ending == "cut" else text


def respond_distinctly(question: Question, rng: random.Random, n: int) -> list[str]:
    """`n` responses that differ from each other."""
    texts: dict[str, None] = {}
    while len(texts) < n:
        texts.setdefault(respond(question, rng))
    return list(texts)


def draw_manners(tone: str, rng: random.Random) -> tuple[str, str]:
    """An opener and a closer, of which one may be empty; both are when the tone is plain."""
    if tone == "plain":
        return "", ""
    openers, closers = {
        "polite": (phrases.POLITE_OPENERS, phrases.POLITE_CLOSERS),
        "rude": (phrases.RUDE_OPENERS, phrases.RUDE_CLOSERS),
    }[tone]
    opener, closer = rng.choice(openers), rng.choice(closers)
    return rng.choice(((opener, ""), ("", closer), (opener, closer)))


def cut_short(text: str, rng: random.Random) -> str:
    """The text broken off between two words, as when a token limit is hit."""
    words = text.split(" ")
    shortened = " ".join(words[: max(1, int(len(words) * rng.uniform(0.5, 0.9)))])
    if len(shortened) < 3:  # the number or the dash of a first list item
        shortened = text
    return shortened.rstrip(" .!?,\n")


def write_body(question: Question, traits: Traits, rng: random.Random) -> str:
    if traits.answer == "evasive":
        return rng.choice(phrases.EVASIVE)
    write = {"fact": write_fact, "list": write_list, "steps": write_steps, "chat": write_chat}
    return write[question.kind](question, traits, rng)


def write_fact(question: Question, traits: Traits, rng: random.Random) -> str:
    right, wrong = question.answers[0], rng.choice(question.rivals)
    if traits.answer == "partial":
        either = [right, wrong]
        rng.shuffle(either)
        return say("Either {answer}", either[0]) + f" or {either[1]}."
    answer = right if traits.answer == "right" else wrong
    if traits.size == "terse":
        return say("{answer}.", answer)
    if rng.random() < 0.1 and question.family == "capitals":
        answer = f"**{answer}**"
    return say(rng.choice(question.sentences), answer)


def write_list(question: Question, traits: Traits, rng: random.Random) -> str:
    members: Sequence[str] = question.answers
    count = question.count
    if traits.answer == "wrong":
        members = rng.choice([ws for ws in tables.CATEGORIES.values() if ws[-1] not in members])
    if traits.answer == "partial":
        count = rng.choice([n for n in (1, 2, 3, 4, 5) if n != count])
    chosen = rng.sample(list(members), min(count, len(members)))
    if rng.random() < 0.4:
        return "\n".join(f"- {word}" for word in chosen)
    text = " and ".join(filter(None, [", ".join(chosen[:-1]), chosen[-1]]))
    return say("{answer}.", text)


def write_steps(question: Question, traits: Traits, rng: random.Random) -> str:
    steps = list(question.steps)
    if traits.answer == "wrong":
        steps = list(rng.choice([s for s in phrases.HOW_TOS.values() if s != question.steps]))
    if traits.answer == "partial":
        steps = rng.sample(steps, rng.choice((1, 2, 3)))
    if traits.size == "terse":
        steps = steps[:2]
    plain = [step.replace("[", "").replace("]", "") for step in steps]
    if rng.random() < 0.6:
        return "\n".join(f"{i}. {step}" for i, step in enumerate(plain, 1))
    return " ".join(plain)


def write_chat(question: Question, traits: Traits, rng: random.Random) -> str:
    if traits.answer == "right":
        return rng.choice(question.sentences)
    others = [replies for _, _, replies in phrases.SMALL_TALK if replies != question.sentences]
    astray = rng.choice(rng.choice(others))
    if traits.answer == "wrong":
        return astray
    return f"{rng.choice(question.sentences)} {astray}"


@cache
def every_sentence() -> tuple[str, ...]:
    """All text the world is made of: the source of its vocabulary."""
    tones = (
        phrases.POLITE_OPENERS, phrases.POLITE_CLOSERS, phrases.RUDE_OPENERS, phrases.RUDE_CLOSERS,
        phrases.EVASIVE, phrases.RAMBLING, phrases.DETAILS,
    )  # fmt: skip
    texts = [text for tone in tones for text in tone]
    for question in questions():
        answers = (*question.answers, *question.rivals)
        texts += [*question.turns, *answers, *question.steps]
        texts += [say(sentence, question.answers[0]) for sentence in question.sentences]
    texts += ["either", "or", "and", "an"]
    return tuple(dict.fromkeys(text.replace("[", "").replace("]", "") for text in texts))
