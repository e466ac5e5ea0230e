"""Texts that are one text to the model: after cutting, or because a template leaves out a part.

Read twice, in two places of a batch, they get two rewards that differ in the last digits, and a
comparison of them is decided by rounding. So equal rows of tokens are read once and share their
reward exactly: such a comparison has a margin of 0, counts one half and teaches nothing.
"""

from collections.abc import Sequence

from modeling.core.texts.groups import SPLITS, PromptGroup
from modeling.core.texts.text import Encoded


def are_equal(one: Encoded, other: Encoded) -> bool:
    """Whether two texts are one text to the model."""
    return one.ids == other.ids


def first_of(groups: Sequence[Sequence[Encoded]]) -> list[int]:
    """For each of the R texts, counted through all groups, the number of the first text with the
    same tokens. A text that has no earlier equal gets its own number."""
    seen: dict[tuple[int, ...], int] = {}
    texts = (text for group in groups for text in group)
    return [seen.setdefault(tuple(text.ids), number) for number, text in enumerate(texts)]


def once(groups: Sequence[Sequence[Encoded]]) -> tuple[list[list[Encoded]], list[int]]:
    """Drop every text that equals an earlier one, and groups that are empty then.

    Returns the groups that are left, and for each of the R texts the place of its tokens among the
    texts that are left: `values[places]` gives each text its value.
    """
    first, left, place = first_of(groups), list[list[Encoded]](), dict[int, int]()
    number = 0
    for texts in groups:
        new = [at for at in range(len(texts)) if first[number + at] == number + at]
        place |= {number + at: len(place) + which for which, at in enumerate(new)}
        left += [[texts[at] for at in new]] if new else []
        number += len(texts)
    return left, [place[of] for of in first]


def count_equal(
    groups: Sequence[PromptGroup], encoded: Sequence[Sequence[Encoded]]
) -> tuple[dict[str, int], int]:
    """Count the comparisons of one text with itself: by split, and how many of all of them were
    cut. `encoded` is [group][response]."""
    counts, cut = dict.fromkeys(SPLITS, 0), 0
    for group, texts in zip(groups, encoded, strict=True):
        for c in group.comparisons:
            if are_equal(texts[c.i], texts[c.j]):
                counts[group.split] += 1
                cut += texts[c.i].truncated or texts[c.j].truncated
    return counts, cut


def equal_pairs_warning(equal: int, cut: int, total: int, max_length: int) -> str | None:
    """Say that `equal` of `total` pairs are one text to the model: why, and what to do. `cut`: how
    many of them were cut. None where there are no such pairs."""
    if not equal:
        return None
    reasons = []
    if cut:
        some = "" if cut == equal else f" ({cut} of them)"
        reasons.append(f"after cutting at {max_length} tokens{some}")
    if cut < equal:
        some = "" if not cut else f" ({equal - cut} of them)"
        reasons.append(f"because its chat template leaves out what differs{some}")
    return (
        f"{equal} of {total} pairs are the same text to the model {' and '.join(reasons)}: both "
        "sides have one reward, count one half in the accuracy and teach nothing. "
        + ("Raise max_length, if the base model reads more." if cut else "Look at the template.")
    )


def equal_texts_warning(groups: Sequence[Sequence[Encoded]], max_length: int) -> str | None:
    """Say how many responses read like another one to their prompt; None where all differ. Each of
    `groups` holds the responses to one prompt."""
    alike = sum(len(texts) - len({tuple(text.ids) for text in texts}) for texts in groups)
    if not alike:
        return None
    total = sum(map(len, groups))
    return (
        f"{alike} of {total} responses are the same text to the model as another response to their "
        f"prompt (cut at {max_length} tokens, or left out by its chat template): they have the "
        "same reward."
    )
