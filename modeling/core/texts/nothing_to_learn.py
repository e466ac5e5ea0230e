"""Why there is no comparison to train on: said from the file itself, once it has come to that."""

from pathlib import Path

from modeling.core.program.errors import ProgramError
from modeling.core.program.files import read_jsonl


def nothing_to_learn(path: Path, alike: str | None = None) -> ProgramError:
    """The error of a preferences.jsonl that holds no train comparison to learn from. `alike`: a
    sentence on comparisons that are one text to the model, where these are the reason."""
    if alike is not None:
        return ProgramError(
            f"There is no comparison to train on. {alike}",
            where=path.name,
            hint="Compare responses that differ in what the model reads.",
        )
    rows = [row for _, row in read_jsonl(path)]
    train = [row for row in rows if row.get("split", "train") == "train"]
    identical = sum(row["chosen"] == row["rejected"] for row in train)
    if not train:
        elsewhere = f" (of {len(rows)} comparisons, all are in other splits)" if rows else ""
        return ProgramError(
            f"There is no comparison to train on: the train split is empty{elsewhere}.",
            where=path.name,
            hint="Label more comparisons; four prompts in five fall into the train split.",
        )
    reasons = []
    if identical:
        reasons.append(f"in {identical} both responses are the same text")
    if identical < len(train):
        reasons.append(f"{len(train) - identical} have weight 0")
    return ProgramError(
        f"There is no comparison to train on: of {len(train)} in the train split, "
        f"{' and '.join(reasons)}.",
        where=path.name,
        hint="Label comparisons of two different responses, by people whose judgments count.",
    )
