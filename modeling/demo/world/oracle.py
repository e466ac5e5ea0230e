"""The oracle of the demo world: a rule that scores any response text, and a labeler who follows it.

The score is a sum of parts (`explain` names them):

    correctness   1.2 x [-1, 1]   right 1, right beside wrong -0.3, evasive -0.5, wrong -1;
                                  lists and how-tos by how much is there, in number and order
    politeness    -1 .. 1         one courtesy 0.7, two 1, each more -0.5 (gushing); rude -1 each
    ending        0.3 or -0.6     a finished last sentence or a broken-off one
    length        -1.2 .. 0       -0.06 per word above what such a question needs
    repetition    -1.5 .. 0       share of three-word sequences that were there before
    gibberish     -2 .. 0         share of words that nobody in this world uses

A right answer counts for most; manners count enough for a few hundred judgments to show them to a
reward model that has less than a million weights and few of the world's facts.

An empty text scores -4. A prompt outside the world has no correctness part.
"""

import random
import re
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Literal

from modeling.demo.world import phrases
from modeling.demo.world.questions import Question, questions
from modeling.demo.world.responses import every_sentence

Prompt = str | Sequence[Mapping[str, str]]
Verdict = Literal["a", "b", "tie", "both_bad"]

EMPTY_SCORE = -4.0
READ_AT_MOST = 4000  # characters; the penalties for length are long exhausted there
ENOUGH_WORDS = {"fact": 14, "chat": 16, "list": 16, "steps": 36}
COURTESIES = (*phrases.POLITE_OPENERS, *phrases.POLITE_CLOSERS, "please", "glad to help")
INSULTS = (*phrases.RUDE_OPENERS, *phrases.RUDE_CLOSERS, "stupid", "shut up")
WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")


def score(prompt: Prompt, response: str) -> float:
    """How good the response is; higher is better, about -5 to 2.5, finite for any text."""
    return sum(explain(prompt, response).values())


def explain(prompt: Prompt, response: str) -> dict[str, float]:
    """The parts of the score, by name."""
    question = find_question(prompt)
    text = response[:READ_AT_MOST].strip()
    words = [word.lower() for word in WORD.findall(text)]
    if not words:
        return {"empty": EMPTY_SCORE}
    return {
        "correctness": 1.2 * correctness(question, text) if question else 0.0,
        "politeness": politeness(text),
        "ending": 0.3 if ends_well(question, text) else -0.6,
        "length": -min(1.2, 0.06 * max(0, len(words) - enough_words(question))),
        "repetition": -1.5 * repeated_share(words),
        "gibberish": -2.0 * unknown_share(words),
    }


def oracle_prefers(
    prompt: Prompt,
    a: str,
    b: str,
    rng: random.Random,
    noise: float = 0.0,
    tie_margin: float = 0.0,
    bad_below: float = float("-inf"),
) -> Verdict:
    """What a labeler who follows the oracle says, with `noise` = share of verdicts turned round.

    Within `tie_margin` of each other it is a tie; both under `bad_below` are both bad. With the
    defaults neither happens, except that two equal scores are decided by a coin.
    """
    score_a, score_b = score(prompt, a), score(prompt, b)
    flipped, coin = rng.random() < noise, rng.random() < 0.5
    if max(score_a, score_b) < bad_below and not flipped:
        return "both_bad"
    if abs(score_a - score_b) < tie_margin and not flipped:
        return "tie"
    a_wins = coin if score_a == score_b else (score_a > score_b) != flipped
    return "a" if a_wins else "b"


@cache
def questions_by_messages() -> Mapping[tuple[tuple[str, str], ...], Question]:
    by_conversation = {conversation(question.messages): question for question in questions()}
    return MappingProxyType(by_conversation)


def is_fluent(text: str) -> bool:
    """Words of this world only, at least one, and hardly a repetition. Says nothing on quality."""
    words = [word.lower() for word in WORD.findall(text)]
    return bool(words) and repeated_share(words) < 0.25 and unknown_share(words) == 0.0


def conversation(prompt: Prompt) -> tuple[tuple[str, str], ...]:
    """The prompt as (role, text) pairs, without system messages, case and spacing."""
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    return tuple(
        (message["role"], " ".join(message["content"].casefold().split()))
        for message in messages
        if message["role"] != "system"
    )


def find_question(prompt: Prompt) -> Question | None:
    return questions_by_messages().get(conversation(prompt))


def correctness(question: Question, text: str) -> float:
    """-1 .. 1, judged on what is left when courtesies and insults are taken out."""
    evasive = mentions(phrases.EVASIVE, text)
    text = tone_pattern().sub(" ", text)
    judge = {"fact": judge_fact, "list": judge_list, "steps": judge_steps, "chat": judge_chat}
    value = judge[question.kind](question, text)
    return max(value, -0.5) if evasive else value


def judge_fact(question: Question, text: str) -> float:
    """Right only where the answer stands alone; words of the question may be repeated."""
    if not mentions(question.answers, text):
        return -1.0
    asked = " ".join(question.turns if question.family == "sums" else question.turns[-1:])
    if question.family == "sums":
        others = set(re.findall(r"\d+", text)) - set(re.findall(r"\d+", asked))
        others.discard(question.answers[0])
    else:
        others = {r for r in mentions(question.rivals, text) if not mentions((r,), asked)}
    return -0.3 if others or mentions(("or",), text) else 1.0


def judge_list(question: Question, text: str) -> float:
    hits, strays = mentions(question.answers, text), mentions(question.rivals, text)
    if not hits:
        return -1.0
    missed = abs(len(hits) - question.count) / question.count
    return max(-1.0, 1.0 - missed - 0.5 * len(strays))


def judge_steps(question: Question, text: str) -> float:
    """Share of the steps that are there; steps of other how-tos and a wrong order cost."""
    present = [key for key in question.answers if mentions((key,), text)]
    if not present:
        return -1.0
    own = " ".join(question.steps).lower() + " " + " ".join(question.turns).lower()
    strays = [key for key in mentions(step_keys(), text) if key not in own]
    share = len(present) / len(question.answers) * len(present) / (len(present) + len(strays))
    places = [position(key, text) for key in present]
    disorder = 0.4 if places != sorted(places) else 0.0
    return max(-1.0, 2.0 * share - 1.0 - disorder)


def judge_chat(question: Question, text: str) -> float:
    if not mentions(question.answers, text):
        return -1.0
    said = " ".join(question.sentences)
    strays = [key for key in mentions(chat_keys(), text) if not mentions((key,), said)]
    return max(-1.0, 1.0 - 0.65 * len(strays))


def politeness(text: str) -> float:
    courtesies, insults = len(mentions(COURTESIES, text)), len(mentions(INSULTS, text))
    kind = (0.0, 0.7, 1.0)[min(courtesies, 2)] - 0.5 * max(0, courtesies - 2)
    return max(-1.0, kind - 1.0 * insults)


def ends_well(question: Question | None, text: str) -> bool:
    """A full stop and the like, or a bullet that is a whole item of the list."""
    last_line = text.splitlines()[-1].strip()
    if question and question.kind == "list" and last_line.startswith("- "):
        return last_line[2:] in (*question.answers, *question.rivals)
    return last_line.endswith((".", "!", "?", '."', "```"))


def enough_words(question: Question | None) -> int:
    return ENOUGH_WORDS[question.kind] if question else 40


def repeated_share(words: Sequence[str]) -> float:
    """Share of the three-word sequences that were there before; 0 for texts of up to 3 words."""
    triples = list(zip(words, words[1:], words[2:], strict=False))
    return 1.0 - len(set(triples)) / len(triples) if triples else 0.0


def unknown_share(words: Sequence[str]) -> float:
    """Share of words not in the world; one that at least looks like a word counts a quarter."""
    return sum(strangeness(word) for word in words) / len(words)


def strangeness(word: str) -> float:
    if word in vocabulary() or (word.isdecimal() and len(word) <= 4):
        return 0.0
    like_a_word = word.isalpha() and len(word) <= 14 and re.search(r"[aeiouy]", word)
    return 0.25 if like_a_word else 1.0


@cache
def vocabulary() -> frozenset[str]:
    """Every word of the world, lower case."""
    return frozenset(w.lower() for text in every_sentence() for w in WORD.findall(text))


@cache
def step_keys() -> tuple[str, ...]:
    keys = (key for question in questions() if question.kind == "steps" for key in question.answers)
    return tuple(dict.fromkeys(keys))


@cache
def chat_keys() -> tuple[str, ...]:
    return tuple(key for _, keys, _ in phrases.SMALL_TALK for key in keys)


def mentions(options: Sequence[str], text: str) -> list[str]:
    """Those of the options that stand in the text as whole words, each once."""
    words = {hit.lower() for hit in pattern(tuple(options)).findall(text)}
    return [option for option in options if bare(option) in words]


def position(option: str, text: str) -> int:
    match = pattern((option,)).search(text)
    return match.start() if match else len(text)


def bare(option: str) -> str:
    return option.rstrip(".!?").lower()


@cache
def pattern(options: tuple[str, ...]) -> re.Pattern[str]:
    """Longest option first, so that "New Delhi" is not read as "New"."""
    longest_first = sorted({bare(option) for option in options}, key=lambda o: (-len(o), o))
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)", re.I)


@cache
def tone_pattern() -> re.Pattern[str]:
    return pattern((*COURTESIES, *INSULTS, *phrases.EVASIVE, *phrases.RAMBLING, *phrases.DETAILS))
