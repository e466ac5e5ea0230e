"""Shapes of further trainers and tools: prompts to sample from, comparisons with ties, records,
rankings, and all that is known."""

import uuid
from typing import Any

from labeling.preferences.shapes.dialogues import text_of
from labeling.preferences.shapes.pairs import ColumnType, Pair, Row

# Which environment of SkyRL a prompt goes to. A person registers one of this name, with a reward
# model behind it.
ENVIRONMENT = "preference"
# Argilla's question, and its answers.
QUESTION = "preference"
FIRST, SECOND, TIE, BOTH_BAD = "response_a", "response_b", "tie", "both_bad"
VOTES: dict[str, str] = {"tie": TIE, "both_bad": BOTH_BAD}


def skyrl(pair: Pair) -> list[Row]:
    """A prompt to sample from. The ground truth is empty: a reward model judges what is sampled."""
    return [
        {
            "data_source": pair.project,
            "prompt": pair.messages,
            "env_class": ENVIRONMENT,
            "reward_spec": {"method": "model", "ground_truth": ""},
            "extra_info": {"split": pair.split, "index": pair.prompt_id},
        }
    ]


def areal(pair: Pair) -> list[Row]:
    """A prompt to sample from, as AReaL's workflows read it. `answer` goes to the reward function,
    and is empty, since there is no one right answer."""
    return [
        {
            "messages": pair.messages,
            "answer": "",
            "data_source": pair.project,
            "index": pair.prompt_id,
        }
    ]


def tinker(pair: Pair) -> list[Row]:
    """A labeled comparison of the Tinker cookbook. Which response is A is as if by a coin: a model
    that is trained on the label must not learn to say A."""
    first, second = pair.sides
    return [
        {
            "comparison": {
                "prompt_conversation": pair.messages,
                "completion_A": [first.message],
                "completion_B": [second.message],
            },
            "label": pair.named("A", "B", "Tie", ""),
        }
    ]


ARGILLA_COLUMNS: dict[str, ColumnType] = {
    "fields": {"prompt": str, FIRST: str, SECOND: str},
    "suggestions": {QUESTION: {"value": str, "score": float, "agent": str}},
    "responses": {QUESTION: [{"value": str, "user_id": str, "status": str}]},
    "status": str,
}


def argilla(pair: Pair) -> list[Row]:
    """A record as Argilla's Record.from_dict takes it: each person's answer is a response, and what
    they came to is the suggestion, with its share of the votes as score."""
    first, second = pair.sides
    sides = {"chosen": pair.named(FIRST, SECOND, FIRST, FIRST)}
    sides["rejected"] = SECOND if sides["chosen"] == FIRST else FIRST
    return [
        {
            "fields": {"prompt": text_of(pair.prompt), FIRST: first.text, SECOND: second.text},
            "suggestions": {
                QUESTION: {
                    "value": pair.named(FIRST, SECOND, TIE, BOTH_BAD),
                    "score": pair.target,
                    "agent": pair.project,
                }
            },
            "responses": {
                QUESTION: [
                    {
                        "value": {**sides, **VOTES}[vote.says],
                        # Argilla wants a UUID. The same name is always the same one.
                        "user_id": str(uuid.uuid5(uuid.NAMESPACE_OID, vote.annotator)),
                        "status": "submitted",
                    }
                    for vote in pair.votes
                ]
            },
            "status": "completed",
        }
    ]


def rankings(pair: Pair) -> list[Row]:
    """All responses of a comparison with their tiers, best first."""
    assert pair.ranking is not None
    return [
        {
            "prompt": pair.messages,
            "responses": [answer.message for answer in pair.ranking.responses],
            "models": pair.ranking.models,
            "tiers": pair.ranking.tiers,
        }
    ]


FULL_COLUMNS: dict[str, ColumnType] = {
    "ids": {"comparison": int, "prompt": int},
    "votes": [{"judgment": int, "annotator": str, "vote": str, "vote_strength": int}],
}


def full(pair: Pair) -> list[Row]:
    """All that is known of a preference, each person's vote included."""
    votes: list[dict[str, Any]] = [
        {
            "judgment": vote.judgment,
            "annotator": vote.annotator,
            "vote": vote.says,
            "vote_strength": vote.strength,
        }
        for vote in pair.votes
    ]
    return [
        {
            "prompt": pair.messages,
            "chosen": [pair.chosen.message],
            "rejected": [pair.rejected.message],
            "ids": {"comparison": pair.comparison, "prompt": pair.prompt_id},
            "votes": votes,
        }
    ]
