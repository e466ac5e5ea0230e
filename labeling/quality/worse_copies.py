"""Worse copies of a response, made by rule: the wrong side of a constructed gold comparison.

Each rule is a pure function of the text and a seed, keeps the text readable, and gives None
where it would not make a response clearly worse (too short, or mostly code).
"""

import random
import re
from itertools import pairwise

MIN_WORDS = 40
MIN_SENTENCES = 5
KEPT_SHARE = (0.25, 0.45)

SENTENCE_END = re.compile(r"(?<=[.!?。！？])[\"'”’)]*\s+")


def truncated(text: str, seed: int) -> str | None:
    """The first 25 to 45 % of the words, stopping in the middle of a sentence."""
    words = list(re.finditer(r"\S+", text))
    if len(words) < MIN_WORDS or "```" in text:
        return None
    count = int(len(words) * random.Random(seed).uniform(*KEPT_SHARE))
    # Not at the end of a sentence: it must read as broken off.
    while count > 5 and words[count - 1].group()[-1] in ".!?:;。！？":
        count -= 1
    return text[: words[count - 1].end()].rstrip(",")


def shuffled(text: str, seed: int) -> str | None:
    """The same sentences in another order, none where it was, in as many paragraphs as there
    were."""
    if "```" in text or "|" in text:
        return None
    sentences = [
        part.strip() for part in SENTENCE_END.split(" ".join(text.split())) if part.strip()
    ]
    if len(sentences) < MIN_SENTENCES or len(set(sentences)) < len(sentences):
        return None
    paragraphs = max(1, min(len(re.split(r"\n\s*\n", text)), len(sentences) // 2))
    return _in_paragraphs(_deranged(sentences, seed), paragraphs)


def _deranged(parts: list[str], seed: int) -> list[str]:
    """Another order in which no part stands where it stood (Sattolo's algorithm: one cycle)."""
    chance, moved = random.Random(seed), list(parts)
    for last in range(len(moved) - 1, 0, -1):
        other = chance.randrange(last)
        moved[last], moved[other] = moved[other], moved[last]
    return moved


def _in_paragraphs(sentences: list[str], count: int) -> str:
    cuts = [round(place * len(sentences) / count) for place in range(count + 1)]
    return "\n\n".join(" ".join(sentences[start:end]) for start, end in pairwise(cuts))


def off_topic(text: str, others: list[str], seed: int) -> str | None:
    """The response to another prompt that is closest in length, of up to twenty drawn ones.
    `others` are responses to other prompts, in a fixed order."""
    drawn = random.Random(seed).sample(others, min(len(others), 20))
    fitting = [other for other in drawn if other.strip() and other.strip() != text.strip()]
    if len(text.split()) < 8 or not fitting:
        return None
    return min(fitting, key=lambda other: abs(len(other) - len(text)))
