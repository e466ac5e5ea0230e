"""The dataset card: README.md of a snapshot, with the header that the hub reads.

The hub makes the Croissant description of a dataset by itself, from this header and its files, so
none is written here. No name of a person is in the card or in the files: annotators have names made
for the project.
"""

import re
from collections.abc import Mapping
from typing import Any

from labeling.models import GuidelineVersion, Snapshot
from labeling.preferences.shapes.styles import STYLES, columns_of
from labeling.snapshots.counting import counts_of
from labeling.snapshots.filters import in_public_words

HUB_LICENCE = re.compile(r"[a-z0-9][a-z0-9.-]*")
COMMON_LICENCES = (
    "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc0-1.0", "odc-by", "apache-2.0", "mit", "other",
)  # fmt: skip
SIZES = ((1e3, "n<1K"), (1e4, "1K<n<10K"), (1e5, "10K<n<100K"), (1e6, "100K<n<1M"),
         (1e7, "1M<n<10M"), (1e8, "10M<n<100M"))  # fmt: skip
DECIDED, UNDECIDED, JUDGMENTS = "preferences", "undecided", "judgments"
COLUMNS = {
    "id": "number of the preference, the same in every snapshot of the project",
    "prompt": "the messages before the response",
    "chosen": "the better response, as a message; of a tie or both-bad one of the two",
    "rejected": "the other response",
    "kind": "`prefer`, `tie` or `both_bad`",
    "target": "weighted share of the judgments for `chosen`; a tie is 0.5",
    "strength": "how much better, 1 to 3; 0 where nobody was asked",
    "weight": "how far to trust it, from the reliability of those who judged, up to 1",
    "vote_share": "share of the judgments that say what was settled; 0 where there are none",
    "judgments": "how many people judged the pair",
    "votes_chosen": "of them, for `chosen`",
    "votes_rejected": "for `rejected`",
    "votes_tie": "for a tie",
    "votes_both_bad": "who found both bad",
    "split": "fixed by prompt: near-copies of a prompt are in one split",
    "provenance": "`unanimous`, `weighted`, `contested`, `adjudicated`, `imported` or `human`",
    "arm": "`random` where the pair was drawn uniformly at random, `active` where it was chosen",
    "round": "of the training loop; 0 where it belongs to none",
    "chosen_model": "what wrote `chosen`",
    "rejected_model": "what wrote `rejected`",
    "tags": "of the prompt, with commas between them",
    "excluded": "always false here",
    "excluded_reason": "always empty here",
    "settled_at": "when the last judgment came",
    "fingerprint": "of the texts",
}


def card_of(snapshot: Snapshot, repo_id: str = "", ending: str = "parquet") -> str:
    """The whole text of README.md. `ending` is the format of the data files beside it."""
    from huggingface_hub import DatasetCard

    counts = counts_of(snapshot)
    header = _header(snapshot, counts, ending)
    return str(DatasetCard(f"---\n{header}\n---\n\n{text_of(snapshot, repo_id, counts)}"))


def _header(snapshot: Snapshot, counts: Mapping[str, Any], ending: str) -> str:
    from huggingface_hub import DatasetCardData

    data = DatasetCardData(
        pretty_name=f"{snapshot.project.name}: {snapshot.title}",
        task_categories=["text-generation"],
        size_categories=_size(snapshot.count),
        configs=_configs(counts, snapshot.is_by_hand, ending),
        tags=["preference", "human-feedback", "rlhf", "reward-model", "preferable"],
    )
    for name, value in _licence(snapshot.licence).items():
        data[name] = value
    return str(data.to_yaml()).strip()


def _licence(licence: str) -> dict[str, str]:
    """As the hub wants it: one of its own words, or `other` with a name."""
    if not licence:
        return {}
    if HUB_LICENCE.fullmatch(licence):
        return {"license": licence}
    return {"license": "other", "license_name": licence}


def _size(count: int) -> str:
    return next((words for limit, words in SIZES if count < limit), "100M<n<1B")


def _configs(counts: Mapping[str, Any], has_judgments: bool, ending: str) -> list[dict[str, Any]]:
    configs = [
        {
            "config_name": name,
            "data_files": [
                {"split": split, "path": f"{name}/{split}-*.{ending}"} for split in sorted(parts)
            ],
            **({"default": True} if name == DECIDED else {}),
        }
        for name, parts in (
            (DECIDED, counts.get("decided", {})),
            (UNDECIDED, counts.get("undecided", {})),
        )
        if parts
    ]
    if has_judgments and counts.get("judgments"):
        path = [{"split": "train", "path": f"{JUDGMENTS}.jsonl"}]
        configs.append({"config_name": JUDGMENTS, "data_files": path})
    return configs


def text_of(snapshot: Snapshot, repo_id: str, counts: Mapping[str, Any]) -> str:
    """The card without its header."""
    project = snapshot.project
    parts = [
        f"# {project.name}: {snapshot.title}",
        snapshot.description,
        "Pairs of responses to the same prompt, and which of the two people preferred. Made with "
        "Preferable.",
        "## What is in it",
        *_counts(snapshot, counts),
        "## How it was made",
        *_making(snapshot, counts),
        *_guidelines(snapshot),
        "## Columns",
        "\n".join(["| column | holds |", "|---|---|", *_columns(snapshot)]),
        "## How to load it",
        f"```python\n{loading_line(repo_id)}\n```",
        "## Licence",
        snapshot.licence or "None was given. Ask those who made it before you use it.",
        "## Which version this is",
        f"SHA-256 of all rows: `{snapshot.sha256}`, taken on {snapshot.created_at:%Y-%m-%d %H:%M} "
        "UTC. The rows of a snapshot never change.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def loading_line(repo_id: str) -> str:
    if repo_id:
        return (
            f'from datasets import load_dataset\n\nrows = load_dataset("{repo_id}", split="train")'
        )
    return (
        "from datasets import load_dataset\n\n"
        'rows = load_dataset("json", data_files="snapshot.jsonl", split="train")'
    )


def _counts(snapshot: Snapshot, counts: Mapping[str, Any]) -> list[str]:
    parts = [f"{snapshot.count:,} preferences."]
    if not counts:
        return parts
    decided, undecided = counts.get("decided", {}), counts.get("undecided", {})
    rows = [
        f"| {split} | {decided.get(split, 0):,} | {undecided.get(split, 0):,} |"
        for split in sorted({*decided, *undecided})
    ]
    if rows:
        head = "| split | with a better response | ties and both bad |\n|---|---:|---:|"
        parts.append("\n".join([head, *rows]))
    if undecided:
        parts.append(
            "Ties and pairs where both are bad are in the configuration `undecided`: trainers "
            "would take them for pairs with a better response."
        )
    if counts.get("excluded"):
        parts.append(
            f"{counts['excluded']:,} more were taken out by curators and are not among the files."
        )
    if counts.get("provenance"):
        named = [f"{number:,} {name}" for name, number in counts["provenance"].items()]
        parts.append(f"By provenance: {', '.join(named)}.")
    return parts


def _making(snapshot: Snapshot, counts: Mapping[str, Any]) -> list[str]:
    project = snapshot.project
    parts = [f"People were asked: “{project.question}”"]
    if counts.get("judgments"):
        parts.append(
            f"{counts['judgments']:,} judgments by {counts['annotators']:,} people settled them. "
            "Each person has a name made for this project, `annotator-…`, which leads to nobody."
        )
    parts.append(agreement_sentence(counts.get("agreement")))
    asked = in_public_words(project, snapshot.filters)
    if asked:
        listed = "; ".join(f"{name}: {value}" for name, value in asked)
        parts.append(f"Not all preferences of the project are in it, but those with {listed}.")
    return parts


def agreement_sentence(agreement: Mapping[str, Any] | None) -> str:
    if not agreement:
        return "No pair was judged by two people, so how far they agree is not known."
    low, high = agreement["low"], agreement["high"]
    between = "" if low is None or high is None else f" (95 % interval {low:.1%} to {high:.1%})"
    return (
        f"Two people who judged the same pair said the same in {agreement['value']:.1%} of cases"
        f"{between}; {agreement['count']:,} judgments of pairs that several people judged, "
        f"{agreement['prompts']:,} prompts."
    )


def _guidelines(snapshot: Snapshot) -> list[str]:
    """The newest guidelines that its judgments were made by, as a quotation."""
    if not snapshot.guidelines:
        return []
    newest = max(snapshot.guidelines)
    version = GuidelineVersion.objects.filter(project=snapshot.project, number=newest).first()
    if version is None or not version.text.strip():
        return []
    others = [str(number) for number in snapshot.guidelines if number != newest]
    earlier = f" Some judgments were made by version {', '.join(others)}." if others else ""
    quoted = "\n".join(f"> {line}".rstrip() for line in version.text.strip().splitlines())
    return [
        "## Guidelines",
        f"Version {newest}, as those who judged could read it.{earlier}",
        quoted,
    ]


def _columns(snapshot: Snapshot) -> list[str]:
    names = list(columns_of(STYLES["messages"]))
    if not snapshot.is_by_hand:
        names = ["id", "prompt", "chosen", "rejected", "target", "strength", "weight", "split",
                 "arm", "round"]  # fmt: skip
    return [f"| `{name}` | {COLUMNS.get(name, '')} |" for name in names]
