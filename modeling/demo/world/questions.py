"""Every prompt of the demo world, built from the tables, with what counts as right for it."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from modeling.demo.world import phrases, tables

Message = dict[str, str]


@dataclass(frozen=True)
class Question:
    """One prompt and the ground truth that responses are written and scored by.

    `kind` says how correctness is judged: "fact" (one answer), "list" (`count` members of a
    category), "steps" (all steps, in order) or "chat" (a fitting reply).
    """

    family: str
    kind: str
    turns: tuple[str, ...]  # user, assistant, user, ...; the last one is the user's
    answers: tuple[str, ...]  # what a right response mentions
    rivals: tuple[str, ...] = ()  # what a wrong response mentions instead
    sentences: tuple[str, ...] = ()  # facts: templates around {answer}; chat: whole replies
    steps: tuple[str, ...] = ()
    count: int = 0

    @property
    def messages(self) -> list[Message]:
        roles = ("user", "assistant")
        return [{"role": roles[i % 2], "content": turn} for i, turn in enumerate(self.turns)]

    @property
    def tags(self) -> list[str]:
        return [self.family, *(["multi-turn"] if len(self.turns) > 1 else [])]


def a(noun: str) -> str:
    """The noun with its article: "an owl", "a dog", "scissors"."""
    if noun in {"scissors", "chalk"}:
        return noun
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"


def fact_family(
    family: str,
    table: Mapping[str, str],
    asks: Sequence[str],
    sentences: Sequence[str],
    follow_ups: Sequence[str] = (),
    accept: Mapping[str, tuple[str, ...]] | None = None,
) -> Iterator[Question]:
    """One question per subject and phrasing, and follow-up turns that pair neighbours in the table.

    `{s}` is the subject, `{as}` the subject with its article; `{answer}` and `{an}` alike.
    """
    pool = tuple(dict.fromkeys(table.values()))
    subjects = list(table)

    def fill(template: str, subject: str) -> str:
        return template.replace("{s}", subject).replace("{as}", a(subject))

    def question(subject: str, turns: tuple[str, ...]) -> Question:
        answer = table[subject]
        return Question(
            family=family,
            kind="fact",
            turns=turns,
            answers=(answer, *(accept or {}).get(answer, ())),
            rivals=tuple(word for word in pool if word != answer and word != subject),
            sentences=tuple(fill(sentence, subject) for sentence in sentences),
        )

    for subject in subjects:
        for ask in asks:
            yield question(subject, (fill(ask, subject),))
    for i, follow_up in enumerate(follow_ups):
        for first, second in zip(subjects, subjects[i + 1 :] + subjects[: i + 1], strict=True):
            if table[first] in (table[second], second) or table[second] == first:
                continue  # the answer would already stand in the conversation
            opening = fill(asks[i % len(asks)], first)
            reply = say(fill(sentences[0], first), table[first])
            yield question(second, (opening, reply, fill(follow_up, second)))


def say(sentence: str, answer: str) -> str:
    """Put the answer into a sentence, which starts with a capital."""
    text = sentence.replace("{answer}", answer).replace("{an}", a(answer))
    return text[0].upper() + text[1:]


def geography() -> Iterator[Question]:
    capitals = {k: v for table in tables.CAPITALS.values() for k, v in table.items()}
    yield from fact_family(
        "capitals",
        capitals,
        ("What is the capital of {s}?", "Which city is the capital of {s}?",
         "Please name the capital city of {s}."),
        ("The capital of {s} is {answer}.", "{answer} is the capital of {s}.", "That is {answer}."),
        ("And what about {s}?", "And the capital of {s}?"),
    )  # fmt: skip
    continents = {k: continent for continent, table in tables.CAPITALS.items() for k in table}
    yield from fact_family(
        "continents",
        continents,
        ("On which continent is {s}?",),
        ("{s} is in {answer}.", "You find {s} in {answer}.", "That is {answer}."),
    )


def language() -> Iterator[Question]:
    opposites = tables.OPPOSITES | {v: k for k, v in tables.OPPOSITES.items()}
    yield from fact_family(
        "opposites",
        opposites,
        ("What is the opposite of {s}?", 'Give me the opposite of "{s}".'),
        ("The opposite of {s} is {answer}.", "It is {answer}.", "The word you want is {answer}."),
        ("And the opposite of {s}?",),
    )
    yield from fact_family(
        "plurals",
        tables.PLURALS,
        ("What is the plural of {s}?", "One {s}, but two what?"),
        ("The plural of {s} is {answer}.", "It is {answer}.", "One says {answer}."),
        ("And of {s}?",),
    )
    yield from fact_family(
        "past tense",
        tables.PAST,
        ("What is the past tense of {s}?", "Today I {s}, but yesterday I what?"),
        ("The past tense of {s} is {answer}.", "It is {answer}.", "Yesterday you {answer}."),
        ("And the past tense of {s}?",),
    )


def nature() -> Iterator[Question]:
    yield from fact_family(
        "animals",
        tables.SOUNDS,
        ("What sound does {as} make?", "Which noise do you hear from {as}?"),
        ("The sound of {as} is {an}.", "It is {an}.", "You hear {an}."),
        ("And {as}?",),
    )
    yield from fact_family(
        "animals",
        tables.YOUNG,
        ("What is a young {s} called?", "What do you call the baby of {as}?"),
        ("A young {s} is called {an}.", "It is {an}.", "People call it {an}."),
    )
    yield from fact_family(
        "animals",
        tables.HOMES,
        ("Where does {as} live?", "What is the home of {as} called?"),
        ("The home of {as} is {an}.", "It lives in {an}.", "You find it in {an}."),
    )
    yield from fact_family(
        "animals",
        tables.LEGS,
        ("How many legs does {as} have?",),
        ("{as} has {answer} legs.", "It has {answer} legs.", "I count {answer}."),
        accept={"0": ("no legs", "none"), "2": ("two",), "4": ("four",), "6": ("six",),
                "8": ("eight",), "10": ("ten",)},
    )  # fmt: skip
    yield from fact_family(
        "colours",
        tables.COLOURS,
        ("What colour is {s}?", "Tell me the colour of {s}."),
        ("The colour of {s} is {answer}.", "It is {answer}.", "Most people would say {answer}."),
        ("And {s}?",),
        accept={"grey": ("gray",), "orange": (), "pink": ()},
    )
    yield from fact_family(
        "tools",
        tables.USES,
        ("What do I need to {s}?", "Which thing helps me to {s}?"),
        ("You need {an} to {s}.", "Take {an}.", "Use {an} for that."),
        ("And to {s}?",),
    )


def calendar() -> Iterator[Question]:
    for family, names in (("days", tables.DAYS), ("months", tables.MONTHS)):
        noun = family[:-1]
        later = dict(zip(names, names[1:] + names[:1], strict=True))
        earlier = {v: k for k, v in later.items()}
        yield from fact_family(
            family,
            later,
            (f"Which {noun} comes after {{s}}?", f"What {noun} follows {{s}}?"),
            ("After {s} comes {answer}.", "It is {answer}.", f"The next {noun} is {{answer}}."),
        )
        yield from fact_family(
            family,
            earlier,
            (f"Which {noun} comes before {{s}}?", f"What {noun} was it before {{s}}?"),
            ("Before {s} comes {answer}.", "It is {answer}.", f"The {noun} before is {{answer}}."),
        )
    yield from fact_family(
        "months",
        tables.MONTH_DAYS,
        ("How many days does {s} have?",),
        ("{s} has {answer} days.", "It has {answer} days.", "There are {answer}."),
    )


def sums() -> Iterator[Question]:
    """Plus, minus and times with small numbers, each asked one way, and some with a second step."""
    rng = random.Random("sums")
    asks = {
        "+": ("What is {x} + {y}?", "How much is {x} plus {y}?", "Add {x} and {y}."),
        "-": ("What is {x} - {y}?", "How much is {x} minus {y}?", "Take {y} from {x}."),
        "*": ("What is {x} * {y}?", "How much is {x} times {y}?", "Multiply {x} by {y}."),
    }
    for x in range(2, 21):
        for y in range(2, 11):
            for op, phrasings in asks.items():
                too_hard = op != "+" and (x > 12 or x <= y)
                if too_hard or rng.random() < 0.35:
                    continue
                value = {"+": x + y, "-": x - y, "*": x * y}[op]
                ask = rng.choice(phrasings).format(x=x, y=y)
                shown = f"{x} {op} {y}"
                if value not in (x, y):
                    yield sum_question((ask,), shown, value)
                more = value + 10
                if op == "+" and rng.random() < 0.4:
                    turns = (ask, f"{shown} is {value}.", "And 10 more?")
                    yield sum_question(turns, f"{value} + 10", more)


def sum_question(turns: tuple[str, ...], shown: str, value: int) -> Question:
    return Question(
        family="sums",
        kind="fact",
        turns=turns,
        answers=(str(value),),
        rivals=tuple(str(value + d) for d in (-2, -1, 1, 2, 10) if value + d > 0),
        sentences=(f"{shown} is {{answer}}.", "The result is {answer}.", "That makes {answer}."),
    )


def lists() -> Iterator[Question]:
    numbers = {2: "two", 3: "three", 4: "four"}
    for category, members in tables.CATEGORIES.items():
        for count, word in numbers.items():
            for ask in ("Name {n} {c}.", "Can you list {n} {c}?"):
                yield list_question(category, members, count, (ask.format(n=word, c=category),))
        opening = (f"Name two {category}.", f"{members[0]} and {members[1]}.".capitalize())
        rest = members[2:]
        yield list_question(category, rest, 2, (*opening, "And two more?"))
        yield list_question(category, rest, 3, (*opening, "Can you name three others?"))


def list_question(
    category: str, members: tuple[str, ...], count: int, turns: tuple[str, ...]
) -> Question:
    rivals = (w for ws in tables.CATEGORIES.values() for w in ws if w not in members)
    return Question("lists", "list", turns, members, rivals=tuple(rivals), count=count)


def how_tos() -> Iterator[Question]:
    asks = ("How do I {t}?", "What is the best way to {t}?", "Explain to me how to {t}.",
            "Can you tell me the steps to {t}?")  # fmt: skip
    for task, steps in phrases.HOW_TOS.items():
        keys = tuple(step_key(step) for step in steps)
        for ask in asks:
            yield Question("how-tos", "steps", (ask.format(t=task),), keys, steps=steps)


def step_key(step: str) -> str:
    """The bracketed word of a how-to step: "Stir with a [spoon]." -> "spoon"."""
    return step[step.index("[") + 1 : step.index("]")].lower()


def small_talk() -> Iterator[Question]:
    for asks, keys, replies in phrases.SMALL_TALK:
        for i, ask in enumerate(asks):
            yield Question("small talk", "chat", (ask,), keys, sentences=replies)
            greeting = ("Hello!", "Hi there.", "Good day.")[i]
            yield Question(
                "small talk",
                "chat",
                (greeting, "Hello! What can I do for you?", ask),
                keys,
                sentences=replies,
            )


@cache
def questions() -> tuple[Question, ...]:
    """All questions, in a fixed order; no two have the same messages."""
    rooms = (geography, language, nature, calendar, sums, lists, how_tos, small_talk)
    return tuple(question for room in rooms for question in room())
