"""The models of policy improvement: policy, frozen reference, value model; LoRA; the export.

With LoRA the reference is the policy with its adapter switched off and costs no memory; the
adapter is merged into plain weights on export. Left out: quantised and sharded weights.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from modeling.core.loading.adapters import inner_names, put_adapters
from modeling.core.loading.bases import has_classifier
from modeling.core.loading.own_head import give_head, has_own_head, load_own_head
from modeling.core.loading.pretrained import (
    load_causal_model,
    load_classifier,
    load_config,
    load_tokenizer,
    load_trunk,
)
from modeling.core.loading.reward_model import switch_dropout_off
from modeling.core.policy_models.batch import TokenText, pad_texts
from modeling.core.program.device import move_to
from modeling.core.program.errors import ProgramError
from modeling.core.program.files import folder_in_one
from modeling.core.program.set_aside import set_aside
from modeling.core.reading.features import count_layers
from modeling.core.texts.chat_end import find_stop_ids
from modeling.core.texts.template_check import check_template
from modeling.core.texts.text import complete_tokenizer
from modeling.core.texts.token_rows import declare_tokens, give_rows
from modeling.run_data.shared import DEFAULT_DATE

EXPORT_TOLERANCE = 1e-3  # of a log-probability, relative beyond 1: merging LoRA rounds


@dataclass
class Actor:
    """A policy that is trained, beside the frozen one its KL is measured to."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    reference: PreTrainedModel | None  # None: the model itself without its adapter
    adapter: Any = None  # peft's handle on the layers it has put into `model`

    @property
    def models(self) -> list[PreTrainedModel]:
        return [self.model] if self.reference is None else [self.model, self.reference]

    @contextmanager
    def as_reference(self) -> Iterator[PreTrainedModel]:
        """Yield the frozen reference; with LoRA it is the model, its adapter off meanwhile."""
        if self.reference is not None:
            yield self.reference
        else:
            self.adapter.disable_adapter_layers()
            try:
                yield self.model
            finally:
                self.adapter.enable_adapter_layers()


def load_actor(
    policy: str,
    reference: str,
    *,
    adapter: str,
    rank: int,
    seed: int,
    device: torch.device,
    day: str = DEFAULT_DATE,
) -> Actor:
    """Load policy and reference. `day`: what a chat template prints as today's date. Raises
    ProgramError for what cannot be loaded or does not go together."""
    tokenizer = load_tokenizer(policy)
    complete_tokenizer(tokenizer, day, is_policy=True)
    check_template(tokenizer, policy)
    model = load_causal_model(policy)
    give_rows(model, tokenizer)
    switch_dropout_off(model)
    wrapper = None
    if adapter == "lora":
        # Not at the output layer: it is often tied to the embeddings, which stay frozen.
        wrapper = put_adapters(model, inner_names(model), rank=rank, alpha=2 * rank, seed=seed)
    frozen = None
    if wrapper is None or reference != policy:
        frozen = load_causal_model(reference)
        if reference != policy:
            check_same_words(tokenizer, reference)
        give_rows(frozen, tokenizer)
        frozen.requires_grad_(False)
        move_to(frozen, device)
    move_to(model, device)
    return Actor(model, tokenizer, frozen, wrapper)


def check_same_words(tokenizer: PreTrainedTokenizerBase, other: str) -> None:
    """Refuse a reference that writes in other tokens: a KL between the two would mean nothing.
    Raises ProgramError."""
    theirs = load_tokenizer(other)
    complete_tokenizer(theirs, is_policy=True)
    # Either may have a token that was added to it: a pad, an end.
    if not (reads_tokens_of(theirs, tokenizer) or reads_tokens_of(tokenizer, theirs)):
        raise ProgramError(
            f"The policy and the reference {other} have different vocabularies.",
            where="config.json: reference",
            hint="The reference must be the model that the policy was trained from.",
        )


def reads_tokens_of(reader: PreTrainedTokenizerBase, writer: PreTrainedTokenizerBase) -> bool:
    """Whether every token of `writer` is the same in `reader`, under the same id."""
    return writer.get_vocab().items() <= reader.get_vocab().items()


def load_value_model(
    reward_models: Sequence[str], policy: str, actor: Actor, device: torch.device
) -> tuple[PreTrainedModel, str]:
    """Load the value model of PPO, and say where it comes from.

    A reward model knows already what a good response is. It is taken where it reads the policy's
    own tokens from left to right; else the policy's trunk with a head of zeros. One that reads the
    mean over the response is the mean of what its head says of each token.
    """
    for source in reward_models:
        model = load_as_value(source, actor.tokenizer)
        if model is not None:
            give_rows(model, actor.tokenizer)
            said = f"Values begin as the rewards of {source}."
            return finish_value_model(model, device), said
    model = load_value_trunk(policy)
    give_rows(model, actor.tokenizer)
    if not isinstance(getattr(model, "score", None), nn.Linear):
        raise ProgramError(
            f"{type(model).__name__} has no head that could predict values token by token.",
            where="config.json: algorithm",
            hint='Use "rloo", which needs no value model.',
        )
    # Zeros rather than chance: random values would make random advantages of good rewards.
    nn.init.zeros_(model.score.weight)
    return finish_value_model(model, device), (
        "No reward model reads the policy's tokens: values begin at zero on the policy's trunk."
    )


def load_value_trunk(policy: str) -> PreTrainedModel:
    """Load the policy's trunk with a new head: transformers' classifier where there is one."""
    if has_classifier(load_config(policy)):
        return load_classifier(policy)[0]
    trunk = load_trunk(policy)
    give_head(trunk, 1, 0, 0.0)
    return trunk


def load_as_value(source: str, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel | None:
    """Load a reward model that can predict values: with one linear head on the last layer and the
    policy's vocabulary. None for any other."""
    theirs = load_tokenizer(source)
    complete_tokenizer(theirs)
    if not reads_tokens_of(theirs, tokenizer):
        return None
    if has_own_head(source):
        trunk, readout, heads = load_own_head(source)
        last = (count_layers(trunk),)
        of_each_token = readout.layers == last and len(readout.reads) == 1 and heads == 1
        return trunk if of_each_token else None
    model, new = load_classifier(source)
    return None if new or not isinstance(getattr(model, "score", None), nn.Linear) else model


def finish_value_model(model: PreTrainedModel, device: torch.device) -> PreTrainedModel:
    """Switch dropout off and move the model to its device."""
    switch_dropout_off(model)
    move_to(model.eval(), device)
    return model


def trained_weights(model: nn.Module) -> dict[str, Tensor]:
    """Copy, to the CPU, what training changes: all weights, or the adapter's."""
    return {
        name: weight.detach().cpu().clone()
        for name, weight in model.named_parameters()
        if weight.requires_grad
    }


@torch.no_grad()
def put_weights(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Write what `trained_weights` copied back into the model."""
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            weight.copy_(weights[name])


@torch.no_grad()
def export_policy(
    actor: Actor, folder: Path, texts: list[TokenText], figures: dict[str, Any] | None = None
) -> float:
    """Write a plain AutoModelForCausalLM folder; prove that it gives the same log-probabilities.

    Returns the largest difference over the texts' tokens. The actor cannot be trained afterwards:
    its adapter has become part of the weights. Raises ProgramError for a folder that reads
    otherwise, which is set aside with the figures.
    """
    device = actor.model.device
    expected = [_logps(actor.model, text) for text in texts]
    model = actor.model if actor.adapter is None else actor.adapter.merge_and_unload()
    declare_tokens(model, actor.tokenizer, find_stop_ids(model, actor.tokenizer))
    with folder_in_one(folder) as temporary:
        model.save_pretrained(temporary)
        actor.tokenizer.save_pretrained(temporary)
        saved = load_causal_model(str(temporary))
        move_to(saved, device)
        error = max(
            (
                ((_logps(saved, text) - before).abs() / before.abs().clamp(min=1)).max().item()
                for text, before in zip(texts, expected, strict=True)
            ),
            default=0.0,
        )
        if not error <= EXPORT_TOLERANCE:  # NaN must fail too
            problem = ProgramError(
                f"The saved policy, loaded again, gives other probabilities (by {error:.2g}).",
                where=str(folder),
                hint="Retry; if it happens again, report the policy.",
            )
            raise set_aside(temporary, folder.parent, folder.name, problem, figures or {})
    return error


def _logps(model: PreTrainedModel, text: TokenText) -> Tensor:
    """The log-probabilities (R,) of one text's response tokens, on the CPU."""
    batch = pad_texts([text], model.device)
    logps, _ = batch.logps(model, 1.0)
    return logps[0][batch.is_real[0]].cpu()
