"""HH-RLHF: whole dialogues as texts, which our own rows take as they are."""

from labeling.importing.sources.source import Data, Source, columns


def is_dialogue(data: Data) -> bool:
    """Whether both columns are a whole dialogue, and there is no other."""
    texts = (data["chosen"], data["rejected"])
    return data.keys() == {"chosen", "rejected"} and all(
        isinstance(text, str) and text.lstrip("\n").startswith("Human:") for text in texts
    )


SOURCES = (
    Source(
        name="HH-RLHF dialogues",
        meaning="the last answer of chosen is better than that of rejected",
        needs=columns("chosen rejected"),
        fits=is_dialogue,
        rows=lambda records, _: records,
        is_ours=True,
    ),
)
