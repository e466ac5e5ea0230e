"""Which settings of the loop contradict each other. Each limit of a single setting is part of its
declaration; what several have to keep together is written here, once for page and API."""

from collections.abc import Mapping
from typing import Any

from modeling.settings.choices import Adapter, RewardMethod


def contradictions(values: Mapping[str, Any]) -> dict[str, str]:
    """A sentence for each setting that does not go with another one. A value that is missing, or
    None, contradicts nothing."""
    sentences = {}
    is_quick = values.get("reward_method") == RewardMethod.FROZEN
    if is_quick and (values.get("reward_adapter") or Adapter.NONE) != Adapter.NONE:
        sentences["reward_adapter"] = "The quick way trains no weights of the model."
    if (values.get("reward_heads") or 1) > 1 and (values.get("reward_members") or 1) > 1:
        sentences["reward_members"] = "Several heads or several models, not both."
    return sentences
