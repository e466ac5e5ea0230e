"""Preferences as plain texts: one text for each, or whole dialogues."""

from labeling.preferences.shapes.pairs import SPEAKERS, Pair, Row
from labeling.texts.messages import Message


def texts(pair: Pair) -> list[Row]:
    """Plain texts. A conversation becomes one dialogue, which the importer splits again."""
    return [
        {
            "prompt": text_of(pair.prompt),
            "chosen": pair.chosen.text,
            "rejected": pair.rejected.text,
        }
    ]


def text_of(prompt: list[Message]) -> str:
    if len(prompt) == 1 and prompt[0]["role"] == "user":
        return str(prompt[0]["content"])
    return "\n\n".join([*_turns(prompt), "Assistant:"])


def dialogues(pair: Pair) -> list[Row]:
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
