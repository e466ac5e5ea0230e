"""The shapes of rows that trainers take. One entry of STYLES for each; docs/data-formats.md says by
which line of code each is loaded.

A style writes the columns that its trainer reads. What else is known of a preference stands beside
them, under the same names in every style.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from labeling.models import Preference
from labeling.texts.messages import Extra, Message, extra_of, whole_message

Row: TypeAlias = dict[str, Any]
# str, int, float or bool; a list with the type of its items; a dictionary with those of its fields.
ColumnType: TypeAlias = Any

MESSAGES: ColumnType = [{"role": str, "content": str}]
SPEAKERS = {"system": "System", "user": "Human", "assistant": "Assistant"}


@dataclass(frozen=True)
class Answer:
    """A response: its text, and the further keys of its message."""

    text: str
    extra: Extra = field(default_factory=dict)

    @property
    def message(self) -> Message:
        return whole_message(self.text, self.extra)


@dataclass(frozen=True)
class VoteOfPair:
    """What one person said of a pair. `strength` is −1 where nobody was asked how much better."""

    judgment: int
    annotator: str
    says: str
    strength: int


@dataclass(frozen=True)
class Pair:
    """A settled preference as styles see it. `is_both_bad`: neither response is any good."""

    prompt: list[Message]
    chosen: Answer
    rejected: Answer
    is_both_bad: bool = False
    prompt_id: int = 0
    project: str = ""
    split: str = ""
    votes: Sequence[VoteOfPair] = ()

    @property
    def messages(self) -> list[Message]:
        return [*map(_in_order, self.prompt)]


@dataclass(frozen=True)
class Style:
    """How one trainer takes preferences.

    `write` gives the rows of a pair, with the `columns`. `cannot_say` names kinds of preferences
    that have no place in the shape. `is_text`: there is no place for what a message holds beside
    its text. `is_of_prompts`: one row for each prompt, with nothing about the pair.
    `is_of_votes`: one row for each person's vote.
    """

    write: Callable[[Pair], list[Row]]
    columns: Mapping[str, ColumnType]
    cannot_say: frozenset[str] = frozenset()
    is_text: bool = False
    is_of_prompts: bool = False
    is_of_votes: bool = False


def _in_order(message: Message) -> Message:
    """The message with role and content first: PostgreSQL keeps the keys of JSON in an order of its
    own."""
    return {"role": message["role"], "content": message["content"], **extra_of(message)}


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
        }
        for vote in pair.votes
    ]


def _texts(pair: Pair) -> list[Row]:
    """Plain texts. A conversation becomes one dialogue, which the importer splits again."""
    return [
        {
            "prompt": _text_of(pair.prompt),
            "chosen": pair.chosen.text,
            "rejected": pair.rejected.text,
        }
    ]


def _text_of(prompt: list[Message]) -> str:
    if len(prompt) == 1 and prompt[0]["role"] == "user":
        return str(prompt[0]["content"])
    return "\n\n".join([*_turns(prompt), "Assistant:"])


def _dialogues(pair: Pair) -> list[Row]:
    """Both dialogues as a whole, each turn after an empty line, as HH-RLHF has them."""
    before = "".join(f"\n\n{turn}" for turn in _turns(pair.prompt))
    return [
        {
            side: f"{before}\n\nAssistant: {answer.text}"
            for side, answer in (("chosen", pair.chosen), ("rejected", pair.rejected))
        }
    ]


def _turns(prompt: list[Message]) -> list[str]:
    return [f"{SPEAKERS[message['role']]}: {message['content']}" for message in prompt]


TEXT = "text"
PAIR_OF_MESSAGES = {"prompt": MESSAGES, "chosen": MESSAGES, "rejected": MESSAGES}
CONVERSATIONS = {"chosen": MESSAGES, "rejected": MESSAGES}

STYLES: dict[str, Style] = {
    "messages": Style(_messages, PAIR_OF_MESSAGES),
    TEXT: Style(_texts, {"prompt": str, "chosen": str, "rejected": str}, is_text=True),
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
    "hh": Style(_dialogues, {"chosen": str, "rejected": str}, is_text=True),
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
    ),
    "judgments": Style(
        _votes,
        {**PAIR_OF_MESSAGES, "judgment": int, "annotator": str, "vote": str, "vote_strength": int},
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


def columns_of(style: Style) -> dict[str, ColumnType]:
    """All columns that every row of this style has, with their types, in their order."""
    beside = {
        name: kind
        for name, kind in OF_PREFERENCE.items()
        if not style.is_of_prompts or name in OF_PROMPT
    }
    return {"id": int, **style.columns, **beside}
