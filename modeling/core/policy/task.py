"""What a policy improvement works with: prompts, models, reward, processes."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from modeling.core.generating.plain_generation import Generator
from modeling.core.policy_models.actors import Actor
from modeling.core.policy_models.batch import Batch, TokenText
from modeling.core.policy_models.reading import choose_policy_way, make_batch, plan_passes
from modeling.core.policy_models.rewards import FrozenReward, Shaping
from modeling.core.program.errors import ProgramError
from modeling.core.program.files import read_jsonl, require_messages, require_unique_id
from modeling.core.program.parallel import Processes
from modeling.core.program.run_dir import RunDir, smaller
from modeling.core.texts.text import Prompt, encode_prompts
from modeling.measures.limits import Bounds
from modeling.run_data.train_policy import TrainPolicyResolved

LEAST_HELD_OUT = 4  # with fewer prompts to hold out, none is


@dataclass(frozen=True)
class PolicyPrompt:
    """A prompt as messages and as the tokens that the policy reads; `truncated`: it was cut."""

    id: str
    messages: Prompt
    ids: tuple[int, ...]
    truncated: bool


@dataclass
class Task:
    """Everything that the steps need and that does not change, but for the actor's weights."""

    run: RunDir
    config: TrainPolicyResolved
    group: Processes
    actor: Actor
    reward: FrozenReward | None
    stop_ids: frozenset[int]
    generate: Generator
    device: torch.device
    data_sha256: str
    prompts: list[PolicyPrompt]
    held_out: list[PolicyPrompt]
    # Both complete once the start is measured.
    shaping: Shaping = field(default_factory=Shaping)
    bounds: Bounds = field(default_factory=Bounds)
    warnings: list[str] = field(default_factory=list)
    # Prompts that no response is drawn for, see modeling/core/texts/left_out.py.
    left_out: list[dict[str, Any]] = field(default_factory=list)

    def autocast(self) -> AbstractContextManager[Any]:
        """The context of a forward pass: bf16 where the settings say so, fp32 otherwise."""
        return torch.autocast(self.device.type, torch.bfloat16, self.config.dtype == "bfloat16")

    def batch(self, texts: Sequence[TokenText]) -> Batch:
        """Make the batch in which these texts are read in one forward pass."""
        return make_batch(self.config.attention, texts, self.device)

    def passes(self, items: Sequence[Sequence[TokenText]]) -> list[list[int]]:
        """Divide items, each some texts of one prompt, into forward passes: lists of their
        numbers."""
        budget = self.budget(self.config.batch_tokens)
        return list(plan_passes(self.config.attention, items, budget))

    def share_prompts(self, *models: PreTrainedModel) -> None:
        """Choose a way to read that these models can go too."""
        way, warning = choose_policy_way(models, self.config.attention, self.config.max_length)
        self.config = replace(self.config, attention=way)
        self.warnings += [warning] if warning else []

    def remark(self, sentence: str) -> None:
        """Say a sentence in the log, and once in the result's warnings."""
        self.run.say(sentence)
        if sentence not in self.warnings:
            self.warnings.append(sentence)

    def budget(self, tokens: int) -> int:
        """The number of tokens held at once: `tokens`, or half of them after memory ran out."""
        return smaller(tokens, self.config.smaller_passes)

    def use_threads(self, threads: int) -> None:
        self.config = replace(self.config, threads=threads)
        torch.set_num_threads(threads)

    def identity(self) -> dict[str, Any]:
        """What must be equal for a resumed run to be the same run."""
        loose = ("threads", "checkpoint_seconds", "smaller_passes")
        fixed = {key: value for key, value in self.config.as_json().items() if key not in loose}
        return fixed | {"data_sha256": self.data_sha256}


def read_prompts(path: Path) -> list[tuple[str, Prompt]]:
    """Read (id, prompt) of every line. Raises ProgramError that names a line that is wrong."""
    seen: set[str] = set()
    return [
        (require_unique_id(row, seen, path, number), require_messages(row, path, number))
        for number, row in read_jsonl(path)
    ]


def encode_all(
    actor: Actor, prompts: Sequence[tuple[str, Prompt]], config: TrainPolicyResolved
) -> list[PolicyPrompt]:
    """Encode prompts. One that leaves no room for a response loses its oldest part. Raises
    ProgramError where no prompt could have room."""
    room = config.max_length - config.max_new_tokens
    if room < 8:
        raise ProgramError(
            f"The policy's context of {config.max_length} tokens has no room for a prompt and "
            f"{config.max_new_tokens} new tokens.",
            where="config.json: max_new_tokens",
            hint=f"Set max_new_tokens to at most {config.max_length // 2}.",
        )
    encoded = encode_prompts(actor.tokenizer, [prompt for _, prompt in prompts], room)
    return [
        PolicyPrompt(identifier, messages, tuple(text.ids), text.truncated)
        for (identifier, messages), text in zip(prompts, encoded, strict=True)
    ]


def hold_out(
    prompts: list[PolicyPrompt], count: int
) -> tuple[list[PolicyPrompt], list[PolicyPrompt], str | None]:
    """Divide prompts into those to train on and those to measure on; a warning where they are the
    same.

    A prompt is held out by the hash of its text, so that every round holds out the same ones. At
    most a fifth of them are.
    """
    held_out = min(count, len(prompts) // 5)
    ordered = sorted(prompts, key=lambda prompt: sha256(repr(prompt.messages).encode()).digest())
    if held_out < LEAST_HELD_OUT:
        return (
            prompts,
            ordered[:count],
            (
                f"Only {len(prompts)} prompts: the figures before and after are of prompts that "
                "were trained on."
            ),
        )
    held = {prompt.id for prompt in ordered[:held_out]}
    return [p for p in prompts if p.id not in held], ordered[:held_out], None
