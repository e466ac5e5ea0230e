"""The shapes of rows that trainers take. One entry of STYLES for each; docs/data-formats.md says by
which line of code each is loaded.

A style writes the columns that its trainer reads. What else is known of a preference stands beside
them, under the same names in every style.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from labeling.models import Preference
from labeling.preferences.shapes import further
from labeling.preferences.shapes.dialogues import dialogues, texts
from labeling.preferences.shapes.pairs import MESSAGES, ColumnType, Pair, Row


@dataclass(frozen=True)
class Style:
    """How one trainer takes preferences.

    `write` gives the rows of a pair, with the `columns`. `cannot_say` names kinds of preferences
    that have no place in the shape. `is_text`: there is no place for what a message holds beside
    its text. `is_of_prompts`: one row for each prompt, with nothing about the pair.
    `is_of_votes`: one row for each person's vote; `has_votes`: the votes are part of each row.
    `is_of_comparisons`: one row for each comparison, with all its responses. `file`: the format
    that its trainer loads best.
    """

    write: Callable[[Pair], list[Row]]
    columns: Mapping[str, ColumnType]
    cannot_say: frozenset[str] = frozenset()
    is_text: bool = False
    is_of_prompts: bool = False
    is_of_votes: bool = False
    has_votes: bool = False
    is_of_comparisons: bool = False
    file: str = "jsonl"

    @property
    def needs_votes(self) -> bool:
        return self.is_of_votes or self.has_votes

    @property
    def beside(self) -> tuple[str, ...]:
        """The columns of a preference that stand beside those of the style."""
        if self.is_of_prompts:
            return OF_PROMPT
        return OF_COMPARISON if self.is_of_comparisons else tuple(OF_PREFERENCE)


def _messages(pair: Pair) -> list[Row]:
    """The conversational form of TRL, whose trainers put the chat template around it."""
    return [
        {
            "prompt": pair.messages,
            "chosen": [pair.chosen.message],
            "rejected": [pair.rejected.message],
        }
    ]


def _whole_conversations(pair: Pair) -> list[Row]:
    prompt = pair.messages
    return [
        {
            "chosen": [*prompt, pair.chosen.message],
            "rejected": [*prompt, pair.rejected.message],
        }
    ]


def _unpaired(pair: Pair) -> list[Row]:
    labels = (not pair.is_both_bad, False)
    return [
        {"prompt": pair.messages, "completion": [answer.message], "label": label}
        for answer, label in zip((pair.chosen, pair.rejected), labels, strict=True)
    ]


def _ranked(pair: Pair) -> list[Row]:
    answers = (pair.chosen, pair.rejected)
    completions = [
        {"rank": rank, "completion": [answer.message]} for rank, answer in enumerate(answers)
    ]
    return [{"context": pair.messages, "completions": completions}]


def _prompt_row(pair: Pair) -> list[Row]:
    """A prompt to sample from. The ground truth is empty: a reward model judges what is sampled,
    and a preferred response is not the one right answer."""
    return [
        {
            "data_source": pair.project,
            "prompt": pair.messages,
            "ability": "preference",
            "reward_model": {"style": "model", "ground_truth": ""},
            "extra_info": {"split": pair.split, "index": pair.prompt_id},
        }
    ]


def _votes(pair: Pair) -> list[Row]:
    (triple,) = _messages(pair)
    return [
        {
            **triple,
            "judgment": vote.judgment,
            "annotator": vote.annotator,
            "vote": vote.says,
            "vote_strength": vote.strength,
            "shown_first": vote.shown_first,
            "aspects": vote.aspects,
            "seconds": vote.seconds,
            "judged_at": vote.judged_at,
        }
        for vote in pair.votes
    ]


TEXT = "text"
PAIR_OF_MESSAGES = {"prompt": MESSAGES, "chosen": MESSAGES, "rejected": MESSAGES}
CONVERSATIONS = {"chosen": MESSAGES, "rejected": MESSAGES}

STYLES: dict[str, Style] = {
    "messages": Style(_messages, PAIR_OF_MESSAGES),
    TEXT: Style(texts, {"prompt": str, "chosen": str, "rejected": str}, is_text=True),
    "trl": Style(_messages, PAIR_OF_MESSAGES),
    "trl-implicit": Style(_whole_conversations, CONVERSATIONS),
    # A tie says of neither response whether it is good.
    "trl-kto": Style(
        _unpaired,
        {"prompt": MESSAGES, "completion": MESSAGES, "label": bool},
        cannot_say=frozenset({Preference.Kind.TIE}),
    ),
    # Without a prompt column: where --prompt_key is not given, OpenRLHF would train on responses
    # alone, and say nothing.
    "openrlhf": Style(_whole_conversations, CONVERSATIONS),
    "nemo-rl": Style(
        _ranked,
        {"context": MESSAGES, "completions": [{"rank": int, "completion": MESSAGES}]},
        cannot_say=frozenset({Preference.Kind.TIE, Preference.Kind.BOTH_BAD}),
    ),
    "hh": Style(dialogues, {"chosen": str, "rejected": str}, is_text=True),
    "verl": Style(
        _prompt_row,
        {
            "data_source": str,
            "prompt": MESSAGES,
            "ability": str,
            "reward_model": {"style": str, "ground_truth": str},
            "extra_info": {"split": str, "index": int},
        },
        is_of_prompts=True,
        file="parquet",
    ),
    "skyrl": Style(
        further.skyrl,
        {
            "data_source": str,
            "prompt": MESSAGES,
            "env_class": str,
            "reward_spec": {"method": str, "ground_truth": str},
            "extra_info": {"split": str, "index": int},
        },
        is_of_prompts=True,
        file="parquet",
    ),
    "areal": Style(
        further.areal,
        {"messages": MESSAGES, "answer": str, "data_source": str, "index": int},
        is_of_prompts=True,
        file="parquet",
    ),
    "tinker": Style(
        further.tinker,
        {
            "comparison": {
                "prompt_conversation": MESSAGES,
                "completion_A": MESSAGES,
                "completion_B": MESSAGES,
            },
            "label": str,
        },
        cannot_say=frozenset({Preference.Kind.BOTH_BAD}),
    ),
    "argilla": Style(further.argilla, further.ARGILLA_COLUMNS, is_text=True, has_votes=True),
    "rankings": Style(
        further.rankings,
        {"prompt": MESSAGES, "responses": MESSAGES, "models": [str], "tiers": [[int]]},
        cannot_say=frozenset({Preference.Kind.BOTH_BAD}),
        is_of_comparisons=True,
    ),
    "full": Style(further.full, {**PAIR_OF_MESSAGES, **further.FULL_COLUMNS}, has_votes=True),
    "judgments": Style(
        _votes,
        {
            **PAIR_OF_MESSAGES,
            "judgment": int,
            "annotator": str,
            "vote": str,
            "vote_strength": int,
            "shown_first": str,
            "aspects": str,
            "seconds": float,
            "judged_at": str,
        },
        is_of_votes=True,
    ),
}

# What the prompt may bring for chat templates: only in the rows that have it.
OF_TEMPLATES = ("tools", "chat_template_kwargs")
OF_PREFERENCE: dict[str, ColumnType] = {
    "kind": str, "target": float, "strength": float, "weight": float, "vote_share": float,
    "judgments": int, "votes_chosen": int, "votes_rejected": int, "votes_tie": int,
    "votes_both_bad": int, "split": str, "provenance": str, "arm": str, "round": int,
    "chosen_model": str, "rejected_model": str, "tags": str, "excluded": bool,
    "excluded_reason": str, "settled_at": str, "fingerprint": str,
    # JSON as a text: the keys are the users' own, and a column has one type.
    "metadata": str, "chosen_metadata": str, "rejected_metadata": str,
}  # fmt: skip
OF_PROMPT = ("split", "tags", "metadata")
OF_COMPARISON = ("split", "arm", "round", "tags", "metadata", "settled_at")


def columns_of(style: Style) -> dict[str, ColumnType]:
    """All columns that every row of this style has, with their types, in their order."""
    return {"id": int, **style.columns, **{name: OF_PREFERENCE[name] for name in style.beside}}
