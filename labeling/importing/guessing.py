"""Guesses which column is what, by names and by contents. A person sees the guess and corrects
it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from labeling.importing.lines.columns import ABOUT, ANSWERS, OPINIONS, SIDES, SURELY
from labeling.importing.roles import LETTERS
from labeling.importing.sampling import Column, Sample
from labeling.importing.sources.answers import PROMPTS, SYSTEMS, verdict_of
from labeling.importing.sources.parts import Verdict
from labeling.texts.messages import words_of

MORE_PROMPTS = frozenset({"task", "request", "source", "title", "user", "sentence"})
TAGS = frozenset({"tag", "tags", "category", "topic", "domain", "subset"})
WRITERS = frozenset({"model", "models", "system", "systems", "generator", "engine", "by"})
SCORES = frozenset({"score", "scores", "rating", "ratings", "rank", "ranks", "reward", "points"})
LABELERS = frozenset(
    {"annotator", "annotators", "labeler", "labelers", "labeller", "labellers", "worker", "workers"}
    | {"rater", "raters", "judge", "judges", "evaluator", "evaluators", "reviewer", "reviewers"}
    | {"assessor", "assessors", "crowdworker", "user", "username", "voter", "voters"}
)
LOWER_IS_BETTER = frozenset({"rank", "ranks", "loss", "place"})
# A verdict has few values; an id or a score has many.
FEW_VALUES = 8
NUMBERS = {
    frozenset({"1", "2"}): {"1": "first", "2": "second"},
    frozenset({"0", "1"}): {"0": "first", "1": "second"},
    frozenset({"0", "1", "2"}): {"0": "tie", "1": "first", "2": "second"},
    frozenset({"1", "2", "3"}): {"1": "first", "2": "second", "3": "tie"},
    frozenset({"-1", "1"}): {"-1": "second", "1": "first"},
    frozenset({"-1", "0", "1"}): {"-1": "second", "0": "tie", "1": "first"},
}
MEANINGS = {
    Verdict.FIRST: "first",
    Verdict.SECOND: "second",
    Verdict.TIE: "tie",
    Verdict.BOTH_BAD: "both_bad",
}


def guess_roles(sample: Sample) -> dict[str, str]:
    """What each column most likely is, by its path; a column that is nothing is left out."""
    roles: dict[str, str] = {}
    columns = [
        one for one in sample.columns if any(value not in (None, "") for value in one.values)
    ]
    if prompt := _prompt(columns):
        roles[prompt.path] = "prompt"
    rest = [one for one in columns if one.path not in roles]
    answers = _answers(rest)
    if answers and not prompt and (prompt := _first_prose(rest, answers)):
        roles[prompt.path] = "prompt"
    roles |= _lettered("response", answers)
    rest = [one for one in rest if one.path not in roles and not _is_item_of(one, roles)]
    for role, names in (("model", WRITERS), ("score", SCORES)):
        if beside := _beside(rest, answers, names):
            roles |= _lettered(role, beside)
            rest = [one for one in rest if one.path not in roles and not _is_item_of(one, roles)]
    for column in rest:
        if words_of(column.path)[-1:] and words_of(column.path)[-1] in TAGS:
            roles[column.path] = "tags"
        elif column.path.lower() in SYSTEMS:
            roles[column.path] = "system"
    if answers and not any(role.startswith("score") for role in roles.values()):
        rest = [one for one in rest if one.path not in roles]
        verdicts = _verdicts([one for one in rest if not _names_people(one)])
        roles |= {one.path: "verdict" for one in verdicts}
        people = [one for one in rest if one.path not in roles and _names_people(one)]
        roles |= {one.path: "labeler" for one in _beside_verdicts(people, verdicts)}
    return roles


def guess_labeler_per_verdict(sample: Sample, roles: Mapping[str, str]) -> bool:
    """Whether each verdict column, or each place in its list, is most likely one person: there are
    several, as many in every row, and no column names people."""
    if "labeler" in roles.values():
        return False
    columns = [sample.column(path) for path, role in roles.items() if role == "verdict"]
    if len(columns) == 1:
        lengths = {
            len(value) if isinstance(value, list) else 1
            for value in columns[0].values
            if value is not None
        }
        return len(lengths) == 1 and min(lengths) > 1 and "[]" not in columns[0].path
    return len(columns) > 1


def guess_higher_is_better(paths: Sequence[str]) -> bool:
    """Whether a higher score is better: a rank counts from the best."""
    return not any(LOWER_IS_BETTER & set(words_of(path)) for path in paths)


def guess_meanings(words: Sequence[str]) -> dict[str, str]:
    """What each value of a verdict most likely means; a value that says nothing is left out."""
    for numbers, meanings_of_numbers in NUMBERS.items():
        if words and numbers.issuperset(words):
            return {word: meanings_of_numbers[word] for word in words}
    meanings = {}
    for word in words:
        verdict = verdict_of(word, ["response 1", "response 2"])
        if verdict is None and not word.isdigit():
            sides = {"a": Verdict.FIRST, "b": Verdict.SECOND}
            of_name = {sides[part] for part in words_of(word) if part in sides}
            verdict = of_name.pop() if len(of_name) == 1 else None
        if verdict is not None:
            meanings[word] = MEANINGS[verdict]
    return meanings


def _prompt(columns: Sequence[Column]) -> Column | None:
    named = {
        one.path.lower(): one for one in reversed(columns) if _is_text(one) or _is_messages(one)
    }
    for name in (*PROMPTS, *sorted(MORE_PROMPTS)):
        if name in named:
            return named[name]
    for column in columns:
        words = set(words_of(column.path))
        if words & (set(PROMPTS) | MORE_PROMPTS) and _is_text(column) and not words & SIDES:
            return column
    return None


def _answers(columns: Sequence[Column]) -> list[Column]:
    """One column that holds a list, or a column for each response."""
    lists = [one for one in columns if _holds_texts(one) and ANSWERS & set(words_of(one.path))]
    prose = [one for one in lists if any(" " in text for text in _texts(one))]
    if prose or lists:
        return (prose or lists)[:1]
    groups: dict[tuple[str, ...], list[Column]] = {}
    for column in columns:
        words = words_of(column.path)
        if _is_text(column) and not (SCORES | WRITERS | ABOUT) & set(words):
            stem = tuple(word for word in words if word not in SIDES)
            groups.setdefault(stem, []).append(column)
    several = [group for stem, group in groups.items() if 1 < len(group) <= len(LETTERS)]
    several.sort(key=lambda group: -max(len(text) for one in group for text in _texts(one)))
    if several:
        return sorted(several[0], key=lambda one: words_of(one.path))
    named = [
        one
        for one in columns
        if _is_text(one) and (ANSWERS | SURELY) & set(words_of(one.path)) and not _is_of_few(one)
    ]
    return named[: len(LETTERS)] or _alike(columns)


def _alike(columns: Sequence[Column]) -> list[Column]:
    """The first columns of prose whose names begin, or end, with the same word, in any language."""
    prose = [one for one in columns if _is_prose(one)]
    for place in (0, -1):
        groups: dict[str, list[Column]] = {}
        for column in prose:
            if words := words_of(column.path):
                groups.setdefault(words[place], []).append(column)
        for group in groups.values():
            if 1 < len(group) <= len(LETTERS):
                return group
    return []


def _first_prose(columns: Sequence[Column], answers: Sequence[Column]) -> Column | None:
    """What is most likely asked where no name says it: the first texts that are no responses."""
    return next((one for one in columns if one not in answers and _is_prose(one)), None)


def _is_prose(column: Column) -> bool:
    """Whether most of the texts have several words."""
    texts = list(_texts(column))
    spaced = sum(" " in text.strip() for text in texts)
    return _is_text(column) and 2 * spaced > len(texts)


def _is_of_few(column: Column) -> bool:
    """Whether single words come again and again: they name something, and answer nothing."""
    texts = list(_texts(column))
    is_spaced = any(" " in text.strip() for text in texts)
    return len(texts) > 2 and 2 * len(set(texts)) <= len(texts) and not is_spaced


def _beside(
    columns: Sequence[Column], answers: Sequence[Column], names: frozenset[str]
) -> list[Column]:
    """The columns with such a name that say something of each response."""
    fitting = [one for one in columns if names & set(words_of(one.path))]
    if len(answers) == 1:
        return [one for one in fitting if one.holds_lists == answers[0].holds_lists][:1]
    sides = [_side(one) for one in answers]
    by_side = {_side(one): one for one in reversed(fitting) if _side(one)}
    return [by_side[side] for side in sides] if all(side in by_side for side in sides) else []


def _side(column: Column) -> str:
    return "".join(word for word in words_of(column.path) if word in SIDES)


def _names_people(column: Column) -> bool:
    """Whether the column says who judged, and not how: `annotator_1` may hold either."""
    words = words_of(column.path)
    if not LABELERS & set(words):
        return False
    values = column.words
    is_id = words[-1] in {"id", "ids", "name", "names"}
    return is_id or not values or len(guess_meanings(values)) < len(values)


def _beside_verdicts(people: Sequence[Column], verdicts: Sequence[Column]) -> list[Column]:
    """The columns of people that say who gave each verdict: as many, in the same order."""
    fitting = [
        one
        for one in people
        if all(one.holds_lists == verdict.holds_lists for verdict in verdicts)
        and not _is_item_of(one, dict.fromkeys((other.path for other in people), ""))
    ]
    return fitting[: len(verdicts)] if len(fitting) >= len(verdicts) else []


def _verdicts(columns: Sequence[Column]) -> list[Column]:
    fitting = []
    for column in columns:
        words = column.words
        name = words_of(column.path)
        if not 0 < len(words) <= FEW_VALUES or (name and name[-1] in ABOUT):
            continue
        is_named = bool((OPINIONS | SURELY) & set(name))
        meanings = guess_meanings(words)
        if (is_named and meanings) or len(meanings) == len(words) > 1:
            fitting.append(column)
    paths = {one.path for one in fitting}
    return [one for one in fitting if not _is_item_of(one, dict.fromkeys(paths, ""))]


def _lettered(role: str, columns: Sequence[Column]) -> dict[str, str]:
    if len(columns) == 1 and columns[0].holds_lists:
        return {columns[0].path: f"{role}_list"}
    letters = zip(columns, LETTERS, strict=False)
    return {column.path: f"{role}_{letter}" for column, letter in letters}


def _is_item_of(column: Column, roles: dict[str, str]) -> bool:
    """Whether the column is one item of a list that is used already."""
    return column.path.endswith("]") and column.path.rpartition("[")[0] in roles


def _texts(column: Column) -> Iterator[str]:
    for value in column.values:
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str):
                yield one


def _is_text(column: Column) -> bool:
    return all(isinstance(value, str) for value in column.values if value is not None)


def _is_messages(column: Column) -> bool:
    def holds(value: Any) -> bool:
        return isinstance(value, list) and bool(value) and isinstance(value[0], dict)

    return all(holds(value) for value in column.values if value is not None)


def _holds_texts(column: Column) -> bool:
    given = [value for value in column.values if value is not None]
    return bool(given) and all(
        isinstance(value, list) and any(isinstance(one, str) for one in value) for value in given
    )
