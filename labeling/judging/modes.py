"""What a project asks of a labeler, and what a posted form says in answer.
Screen order becomes responses here, nowhere else.

Two responses are compared by one button (A or B, with or without how much better), with aspects
beside it if the project names some; three to nine are ranked. A reason, a flag and a rewrite
can come with either. Everything is plain form fields, listed in docs/labeling-modes.md.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from django.http import QueryDict

from labeling.judging.recording import Answer, AnswerTo
from labeling.models import AskReason, Assignment, FlagCategory, Judgment, Project, Scale, User

Kind = Judgment.Kind

LETTERS = "ABCDEFGHI"
KEY_NAMES = {"ArrowLeft": "←", "ArrowRight": "→"}
MAX_RATIONALE = 5_000
MAX_REWRITE = 100_000
RANK = "rank"
FLAG = "flag-"
SKIP = "skip"
# Answers that say which response is better, and so can be asked why.
DIRECTED = (Kind.PREFER, Kind.TIE)


@dataclass(frozen=True)
class AnswerButton:
    """A button of the bar: what it sends, says, and which keys press it."""

    value: str
    side: str
    text: str
    keys: str

    @property
    def label(self) -> str:
        return f"{self.side} {self.text}".strip()

    @property
    def key_names(self) -> list[str]:
        return [KEY_NAMES.get(key, key) for key in self.keys.split()]

    @property
    def first_key(self) -> str:
        return self.key_names[0]


TIE = AnswerButton("tie", "", "About the same", "")
BINARY = (
    AnswerButton("left", "A", "is better", "1 ArrowLeft"),
    replace(TIE, keys="3"),
    AnswerButton("right", "B", "is better", "2 ArrowRight"),
)


def _graded(texts: Mapping[int, str], middle: Sequence[AnswerButton]) -> tuple[AnswerButton, ...]:
    """Buttons from "A is much better" to "B is much better", pressed by the keys 1, 2, 3 and so on.

    `texts` has the words of each strength. Both sides say the same, mirrored around `middle`.
    """
    buttons = [
        *(AnswerButton(f"left-{n}", "A", texts[n], "") for n in sorted(texts, reverse=True)),
        *middle,
        *(AnswerButton(f"right-{n}", "B", texts[n], "") for n in sorted(texts)),
    ]
    return tuple(replace(button, keys=str(key)) for key, button in enumerate(buttons, start=1))


STRENGTH = _graded({1: "slightly better", 2: "better", 3: "much better"}, [TIE])
# The four levels of Llama 2. The lowest has a direction and takes the place of the tie.
LEVELS = _graded(
    {
        0: "negligibly, or unsure",
        1: "slightly better",
        2: "better",
        3: "significantly better",
    },
    [],
)
SCALES: Mapping[str, tuple[AnswerButton, ...]] = {
    Scale.BINARY: BINARY,
    Scale.STRENGTH: STRENGTH,
    Scale.LEVELS: LEVELS,
    Scale.RANKING: BINARY,  # of a pair
}
VERDICTS = (("left", "A"), ("same", "Same"), ("right", "B"))


@dataclass(frozen=True)
class AnswerBar:
    """What the answer bar shows for a comparison of `size` responses."""

    project: Project
    size: int

    @property
    def is_ranking(self) -> bool:
        return self.size > 2

    @property
    def question(self) -> str:
        """The project's question. Where it is the default, a ranking asks for an order instead."""
        usual = self.project.question == Project._meta.get_field("question").default
        return (
            "Rank the responses, best first" if usual and self.is_ranking else self.project.question
        )

    @property
    def places(self) -> range:
        return range(1, self.size + 1)

    @property
    def letters(self) -> str:
        return LETTERS[: self.size]

    @property
    def scale(self) -> str:
        """The scale of a pair. In a project of rankings, pairs are answered by A or B."""
        return Scale.BINARY if self.project.scale == Scale.RANKING else self.project.scale

    @property
    def choices(self) -> list[AnswerButton]:
        if self.is_ranking:
            return []
        return [
            choice
            for choice in SCALES[self.project.scale]
            if choice.value != "tie" or self.project.allow_tie
        ]

    @property
    def aspects(self) -> list[str]:
        return [] if self.is_ranking else self.project.aspects

    @property
    def verdicts(self) -> tuple[tuple[str, str], ...]:
        return VERDICTS

    @property
    def has_reason(self) -> bool:
        return self.project.ask_reason != AskReason.OFF

    @property
    def reason_is_required(self) -> bool:
        return self.project.ask_reason == AskReason.REQUIRED

    @property
    def flags(self) -> list[tuple[str, str]]:
        return list(FlagCategory.choices) if self.project.allow_flags else []


def answer_in(form: QueryDict, check: Callable[[User], object] | None = None) -> AnswerTo:
    """Reads the form once the assignment is read and locked: only then is it known which response
    is on the left, and whose work it is. `check` raises where the labeler is not who answers."""

    def answer_to(assignment: Assignment) -> Answer:
        if check is not None:
            check(assignment.labeler)
        return read_answer(form, assignment.project, assignment.order)

    return answer_to


def read_answer(form: QueryDict, project: Project, order: Sequence[int]) -> Answer:
    """Reads the answer to the responses in this order. Raises ValueError naming the field at
    fault."""
    bar = AnswerBar(project, len(order))
    answer = _read_choice(form, bar, list(order))
    if answer.kind not in Judgment.ANSWERS:
        return replace(answer, rationale=_read_rationale(form), seconds=_read_seconds(form))
    answer = replace(
        answer,
        aspects=_read_aspects(form, bar, order),
        rationale=_read_rationale(form) if bar.has_reason else "",
        reasons=_read_reasons(form, project) if bar.has_reason else (),
        rewrite=_read_rewrite(form) if project.allow_rewrite else "",
        seconds=_read_seconds(form),
    )
    _check_complete(answer, bar)
    return answer


def _read_choice(form: QueryDict, bar: AnswerBar, order: list[int]) -> Answer:
    choice = form.get("choice", "") or ""
    if choice.startswith(FLAG):
        category = choice.removeprefix(FLAG)
        if not bar.project.allow_flags or category not in FlagCategory.values:
            raise ValueError(f"choice: {choice!r} is not something one can flag here")
        return Answer(Kind.FLAG, flag=category)
    if choice == RANK:
        return _read_ranking(form, bar, order)
    if bar.is_ranking and choice == Kind.TIE:
        raise ValueError("choice: give each response its place")
    return parse_choice(choice, order)


def parse_choice(choice: str, order: list[int]) -> Answer:
    """Reads an answer to a pair from what the page's buttons send: `left`, `right` (with `-0` to
    `-3` for negligibly, slightly, better, much better), `tie`, `both_bad` and `skip`."""
    side, _, strength = choice.partition("-")
    if side in ("left", "right") and len(order) == 2:
        best, worst = order if side == "left" else reversed(order)
        if strength and strength not in ("0", "1", "2", "3"):
            raise ValueError(f"choice: {choice!r} has no known strength")
        return Answer(Kind.PREFER, ((best,), (worst,)), int(strength) if strength else None)
    if choice in (Kind.TIE, Kind.BOTH_BAD):
        return Answer(choice, (tuple(order),))
    if choice == Kind.SKIP:
        return Answer(choice)
    raise ValueError(f"choice: {choice!r} is not something one can answer here")


def _read_ranking(form: QueryDict, bar: AnswerBar, order: list[int]) -> Answer:
    """Reads a place for each response, 1 the best. Equal places are a tie; a place that nobody has
    is no fault."""
    tiers: dict[int, list[int]] = {}
    for letter, response_id in zip(bar.letters, order, strict=True):
        place = form.get(f"place-{letter}", "") or ""
        if not place:
            raise ValueError(f"place: response {letter} has no place yet")
        if place not in map(str, bar.places):
            raise ValueError(f"place: {place[:20]!r} is not a place from 1 to {bar.size}")
        tiers.setdefault(int(place), []).append(response_id)

    if len(tiers) < bar.size and not bar.project.allow_tie:
        raise ValueError("place: two responses have the same; this project does not allow ties")
    ranked = tuple(tuple(tiers[place]) for place in sorted(tiers))
    return Answer(Kind.PREFER if len(ranked) > 1 else Kind.TIE, ranked)


def _read_aspects(form: QueryDict, bar: AnswerBar, order: Sequence[int]) -> dict[str, int | None]:
    verdicts: dict[str, int | None] = {"same": None}
    if len(order) == 2:
        verdicts |= {"left": order[0], "right": order[1]}
    chosen: dict[str, int | None] = {}
    for number, aspect in enumerate(bar.aspects):
        verdict = form.get(f"aspect-{number}", "") or ""
        if verdict and verdict not in verdicts:
            raise ValueError(f"aspect: {verdict!r} is not left, same or right")
        if verdict:
            chosen[aspect] = verdicts[verdict]
    return chosen


def _read_rationale(form: QueryDict) -> str:
    rationale = (form.get("rationale", "") or "").strip()
    if len(rationale) > MAX_RATIONALE:
        raise ValueError(f"rationale: longer than {MAX_RATIONALE} characters")
    return rationale


def _read_reasons(form: QueryDict, project: Project) -> tuple[str, ...]:
    """The chips that were ticked. One that the project has taken away meanwhile was still meant."""
    ticked = dict.fromkeys(form.getlist("reasons"))
    return tuple(chip for chip in ticked if chip and len(chip) <= 60)[:20]


def _read_rewrite(form: QueryDict) -> str:
    """The text as it was written: white space at its beginning may be an indentation."""
    text = (form.get("rewrite", "") or "").replace("\r\n", "\n").rstrip()
    if len(text) > MAX_REWRITE:
        raise ValueError(f"rewrite: longer than {MAX_REWRITE:,} characters")
    return text


def _read_seconds(form: QueryDict) -> float | None:
    """The browser's measure of reading time; None where it makes no sense, which is no reason to
    refuse an answer."""
    try:
        value = float(form.get("seconds", "") or "")
    except ValueError:
        return None
    return value if 0 <= value < 86_400 else None


def _check_complete(answer: Answer, bar: AnswerBar) -> None:
    """Raises ValueError where aspects or a reason are missing. Both bad needs neither: nothing is
    better in any aspect."""
    if answer.kind not in DIRECTED:
        return
    missing = [aspect for aspect in bar.aspects if aspect not in answer.aspects]
    if missing:
        raise ValueError(f"aspects: still to choose: {', '.join(missing)}")
    if bar.reason_is_required and not answer.rationale and not answer.reasons:
        raise ValueError("rationale: this project asks why; a few words are enough")
