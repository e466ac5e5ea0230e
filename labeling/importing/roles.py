"""What a column can be, as a person chooses it for each column of a file; and the mapping that the
choices make."""

from collections.abc import Mapping, Sequence
from typing import Any

from labeling.importing.sources.mapping import ColumnMapping, MappingRefused

LETTERS = "abcd"


def _of_responses(role: str, words: str, of_list: str) -> list[tuple[str, str]]:
    letters = [(f"{role}_{letter}", f"{words} {letter.upper()}") for letter in LETTERS]
    return [*letters, (f"{role}_list", of_list)]


LEFT_OUT = "left_out"
# In groups, as they are offered; "" is a column that is kept as metadata of the prompt.
ROLES: list[tuple[str, list[tuple[str, str]]]] = [
    ("What is asked", [("prompt", "Prompt"), ("system", "System text")]),
    ("Responses", _of_responses("response", "Response", "All responses (a list)")),
    (
        "What people thought",
        [("verdict", "Verdict: which is better"), ("labeler", "Labeler: who gave the verdict")],
    ),
    ("Scores", _of_responses("score", "Score of", "All scores (a list)")),
    ("Who wrote them", _of_responses("model", "Model of", "All models (a list)")),
    ("About the row", [("tags", "Tags")]),
    (
        "About a response",
        _of_responses("metadata", "Metadata of response", "Metadata of all responses (a list)"),
    ),
    ("Not kept", [(LEFT_OUT, "Left out")]),
]
LABELS = {role: label for _, group in ROLES for role, label in group}
METADATA = frozenset(f"metadata_{place}" for place in (*LETTERS, "list"))
MAY_BE_SEVERAL = frozenset({"verdict", "labeler", "tags", LEFT_OUT}) | METADATA
MEANINGS = [
    ("first", "A is better"),
    ("second", "B is better"),
    ("tie", "A tie"),
    ("both_bad", "Both are bad"),
    ("ignored", "No vote"),
]


def mapping_of(
    roles: Mapping[str, str],
    meanings: Mapping[str, str],
    *,
    higher_is_better: bool,
    labeler_per_verdict: bool = False,
    best_first: bool = False,
) -> ColumnMapping:
    """The mapping of the chosen roles, by column, and of the meanings of a verdict's values.
    Columns that name labelers go before `labeler_per_verdict`, verdicts and scores before
    `best_first`. Raises MappingRefused for choices
    that contradict each other."""
    paths: dict[str, list[str]] = {}
    for path, role in roles.items():
        if role and role not in LABELS:
            raise MappingRefused(f"“{role:.40}” is nothing that a column can be.")
        paths.setdefault(role, []).append(path)
    for role, several in paths.items():
        if role and role not in MAY_BE_SEVERAL and len(several) > 1:
            raise MappingRefused(
                f"{LABELS[role]} is chosen for {len(several)} columns: {', '.join(several)[:200]}."
            )
    has_verdict = bool(paths.get("verdict"))
    values: dict[str, Any] = {
        name: tuple(word for word, meaning in meanings.items() if has_verdict and meaning == name)
        for name, _ in MEANINGS
    }
    return ColumnMapping(
        prompt="".join(paths.get("prompt", [])),
        system="".join(paths.get("system", [])),
        responses=_in_order(paths, "response"),
        models=_in_order(paths, "model"),
        scores=_in_order(paths, "score"),
        higher_is_better=higher_is_better,
        best_first=best_first and not has_verdict and not _in_order(paths, "score"),
        verdicts=tuple(paths.get("verdict", [])),
        labelers=tuple(paths.get("labeler", [])),
        labeler_per_verdict=labeler_per_verdict and has_verdict and "labeler" not in paths,
        tags=tuple(paths.get("tags", [])),
        response_metadata=_of_each_response(paths),
        leave_out=tuple(paths.get(LEFT_OUT, [])),
        **values,
    )


def _of_each_response(paths: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """The columns about each response; raises MappingRefused where there is no such response."""
    of_list = tuple(paths.get("metadata_list", []))
    lettered = [letter for letter in LETTERS if paths.get(f"metadata_{letter}")]
    if of_list and lettered:
        raise MappingRefused(
            f"Both {LABELS['metadata_list']} and {LABELS[f'metadata_{lettered[0]}']} are chosen."
        )
    if of_list:
        return (of_list,)
    for letter in lettered:
        if not paths.get(f"response_{letter}"):
            response = LABELS[f"response_{letter}"]
            raise MappingRefused(f"{LABELS[f'metadata_{letter}']} is chosen and {response} is not.")
    answers = [letter for letter in LETTERS if paths.get(f"response_{letter}")]
    if not lettered:
        return ()
    return tuple(tuple(paths.get(f"metadata_{letter}", [])) for letter in answers)


def _in_order(paths: Mapping[str, Sequence[str]], role: str) -> tuple[str, ...]:
    of_list = paths.get(f"{role}_list", [])
    lettered = [letter for letter in LETTERS if paths.get(f"{role}_{letter}")]
    what = LABELS[f"{role}_a"].removesuffix(" A")
    if of_list and lettered:
        raise MappingRefused(
            f"Both {LABELS[f'{role}_list']} and {what} {lettered[0].upper()} are chosen: keep one."
        )
    if lettered != list(LETTERS[: len(lettered)]):
        gap = next(letter for letter in LETTERS if letter not in lettered)
        raise MappingRefused(
            f"{what} {lettered[-1].upper()} is chosen and {what} {gap.upper()} is not."
        )
    return tuple(of_list) or tuple(path for one in lettered for path in paths[f"{role}_{one}"])


def roles_of(mapping: ColumnMapping) -> dict[str, str]:
    """The choices that make the mapping: the role of each of its columns."""
    roles = {mapping.prompt: "prompt"}
    if mapping.system:
        roles[mapping.system] = "system"
    for role, paths in (
        ("response", mapping.responses),
        ("model", mapping.models),
        ("score", mapping.scores),
    ):
        if len(paths) == 1:
            roles[paths[0]] = f"{role}_list"
        else:
            roles |= {path: f"{role}_{one}" for path, one in zip(paths, LETTERS, strict=False)}
    roles |= dict.fromkeys(mapping.verdicts, "verdict") | dict.fromkeys(mapping.tags, "tags")
    roles |= dict.fromkeys(mapping.labelers, "labeler")
    of_list = len(mapping.response_metadata) == 1 and len(mapping.responses) == 1
    for place, several in zip(
        ("list",) if of_list else LETTERS, mapping.response_metadata, strict=False
    ):
        roles |= dict.fromkeys(several, f"metadata_{place}")
    return roles | dict.fromkeys(mapping.leave_out, LEFT_OUT)


def meanings_of(mapping: ColumnMapping) -> dict[str, str]:
    """What each value of a verdict means by the mapping."""
    return {word: name for name, _ in MEANINGS for word in getattr(mapping, name)}
