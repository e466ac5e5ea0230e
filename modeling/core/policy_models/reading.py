"""How the models of a policy improvement read texts: packed where all of them can, else padded.

The ways are those of reading.py. Each model is tried out on made-up texts: in a packed row it must
give the log-probabilities (a value model: the values) of its padded forward.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import nn
from transformers import PreTrainedModel

from modeling.core.policy_models.batch import Batch, TokenText, by_length, pad_texts
from modeling.core.policy_models.packed import by_prompt, pack_texts
from modeling.core.reading.reader import TOLERANCE, choose_way, warn_of_padding
from modeling.core.reading.trying import trial_groups


def choose_policy_way(
    models: Sequence[PreTrainedModel], asked: str, max_length: int
) -> tuple[str, str | None]:
    """Choose the way to read: the one asked for where all models can, else "padded" and a sentence
    on why."""
    way = asked
    for model in models:
        reader = choose_way(model, way, max_length, may_prune=False)
        if reader.way == "padded":
            return "padded", reader.warning
        if reason := why_packed_differs(model, reader.way):
            return "padded", warn_of_padding(model, reason)
        way = reader.way
    return way, None


@torch.no_grad()
def why_packed_differs(model: PreTrainedModel, way: str) -> str | None:
    """Say why a model reads packed rows otherwise than padded ones; None when it does not."""
    texts = [
        TokenText(
            tuple(one.ids[: one.prompt_length or 1]), tuple(one.ids[one.prompt_length or 1 :])
        )
        for group in trial_groups(model)
        for one in group
    ]
    try:
        padded, packed = (make_batch(how, texts, model.device) for how in ("padded", way))
        if isinstance(getattr(model, "score", None), nn.Linear):
            from_padded, from_packed = padded.values(model), packed.values(model)
        else:
            (from_padded, _), (from_packed, _) = padded.logps(model, 1.0), packed.logps(model, 1.0)
    except Exception as error:  # a foreign model, tried out: the reason goes into the warning
        return str(error).splitlines()[0] if str(error) else type(error).__name__
    real = padded.is_real
    largest = from_padded[real].abs().max()
    difference = ((from_packed - from_padded)[real].abs().max() / largest).item()
    return None if difference <= TOLERANCE else f"a try gave other values by {difference:.1g}"


def make_batch(way: str, texts: Sequence[TokenText], device: torch.device) -> Batch:
    """Make the batch of one pass. Packed texts share a prompt where they lie side by side."""
    if way == "padded":
        return pad_texts(texts, device)
    return pack_texts(texts, device, flex=way == "flex")


def plan_passes(way: str, items: Sequence[Sequence[TokenText]], budget: int) -> Iterator[list[int]]:
    """Divide items into passes of `budget` tokens, as lists of their numbers, the longest first.

    An item is some texts of one prompt, all items of equally many.
    """
    if way != "padded":
        yield from by_prompt(items, budget)
    elif items:
        longest = [max(item, key=len) for item in items]
        yield from by_length(longest, budget // len(items[0]))
