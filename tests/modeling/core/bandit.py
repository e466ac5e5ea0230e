"""A bandit over sequences: a tiny policy whose every response can be enumerated.

Four tokens, a, b, c and the end; at most three of them in a response, so that there are 40
responses: 13 that end and 27 that are cut off. Rewards come from a table, and the optimum of
E[reward] - beta * KL is known exactly: reference * exp(reward / beta).
"""

import hashlib
import math
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from modeling.core import train_policy
from modeling.core.policy_models.batch import TokenText, pad_texts
from modeling.core.texts.text import Prompt
from tests.modeling.core.factories import make_run, messages, run

END, LETTERS = 0, "abc"
LONGEST = 3
PROMPT = (1, 2, 3)  # "a b c": a prompt of one letter looks the same with that letter after it
RESPONSES = [
    *((*some, END) for size in range(LONGEST) for some in product((1, 2, 3), repeat=size)),
    *product((1, 2, 3), repeat=LONGEST),
]


def build_bandit(folder: Path) -> Path:
    tokenizer = Tokenizer(models.WordLevel({"<end>": 0, "a": 1, "b": 2, "c": 3}, unk_token="<end>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<end>",
        chat_template="{% for message in messages %}{{ message['content'] }}"
        "{% if message['role'] == 'assistant' %}{{ eos_token }}{% else %} {% endif %}"
        "{% endfor %}",
        model_max_length=32,
    ).save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=4,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=32,
        initializer_range=0.25,
        bos_token_id=None,
        eos_token_id=END,
        pad_token_id=None,
        tie_word_embeddings=False,
    )
    with torch.random.fork_rng():
        torch.manual_seed(3)
        LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def text_of(tokens: tuple[int, ...]) -> str:
    return " ".join(LETTERS[token - 1] for token in tokens if token != END)


def reward_of(text: str) -> float:
    """Between 0 and 1, fixed for ever, without a pattern; the empty text is the worst."""
    return hashlib.sha256(text.encode()).digest()[0] / 255 if text else -0.5


class TableReward:
    """Stands in for the frozen reward model."""

    tokenizers: tuple[()] = ()

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def score(self, texts: list[tuple[Prompt, str]]) -> tuple[list[float], list[float]]:
        return [reward_of(text) for _, text in texts], [0.0] * len(texts)


@torch.no_grad()
def distribution(folder: Path) -> torch.Tensor:
    """The policy's probability of each of RESPONSES; they add up to 1."""
    model = AutoModelForCausalLM.from_pretrained(folder)
    batch = pad_texts([TokenText(PROMPT, response) for response in RESPONSES], torch.device("cpu"))
    logps, _ = batch.logps(model, 1.0)
    chances = (logps * batch.is_real).sum(dim=1).double().exp()
    assert chances.sum().item() == pytest.approx(1.0, abs=1e-4)
    return chances


def rewards_of(responses: list[tuple[int, ...]]) -> torch.Tensor:
    return torch.tensor([reward_of(text_of(r)) for r in responses], dtype=torch.float64)


def optimum(reference: torch.Tensor, beta: float) -> torch.Tensor:
    tilted = reference * (rewards_of(RESPONSES) / beta).exp()
    return tilted / tilted.sum()


def best_of(reference: torch.Tensor, n: int) -> torch.Tensor:
    """P(best of n) = F(up to this reward)^n - F(below it)^n."""
    rewards = rewards_of(RESPONSES)
    up_to = torch.stack([reference[rewards <= reward].sum() for reward in rewards])
    tied = torch.stack([reference[rewards == reward].sum() for reward in rewards])
    return (up_to**n - (up_to - tied) ** n) * reference / tied


def total_variation(p: torch.Tensor, q: torch.Tensor) -> float:
    return 0.5 * (p - q).abs().sum().item()


def bandit_run(folder: Path, policy: Path, prompts: int = 32, **config: Any) -> Path:
    """All prompts are the same one."""
    rows = [{"id": f"q{number}", "prompt": messages("a b c")} for number in range(prompts)]
    defaults = {
        "policy": policy,
        "reward_models": [str(policy)],  # a name; TableReward stands in for it
        "max_new_tokens": LONGEST,
        "missing_end_penalty": 0.0,
        "normalise": False,
        "prompts_per_step": 25,
        "learning_rate": 3e-3,
        "eval_prompts": 5,
        "seed": 1,
    }
    return make_run(folder, rows, "prompts.jsonl", **defaults | config)


def ended_pairs() -> list[dict[str, Any]]:
    """Every two of the responses that end, judged as often as Bradley and Terry say."""
    ended = [response for response in RESPONSES if response[-1] == END]
    return [
        {
            "id": f"{i}-{j}",
            "prompt": messages("a b c"),
            "chosen": text_of(one),
            "rejected": text_of(other),
            "target": 1 / (1 + math.exp(reward_of(text_of(other)) - reward_of(text_of(one)))),
        }
        for i, one in enumerate(ended)
        for j, other in enumerate(ended[:i])
    ]


def train(monkeypatch: pytest.MonkeyPatch, folder: Path) -> torch.Tensor:
    monkeypatch.setattr(train_policy, "FrozenReward", TableReward)
    assert run(train_policy, folder) == 0, (folder / "error.json").read_text()
    return distribution(folder / "model")
