"""Packed rows say of each response token what a padded batch says, or are not used at all."""

import copy
import random
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, PretrainedConfig, PreTrainedModel

from modeling.core import train_policy
from modeling.core.policy_models.batch import TokenText, pad_texts
from modeling.core.policy_models.packed import by_prompt, pack_texts
from modeling.core.policy_models.reading import choose_policy_way, make_batch, plan_passes
from tests.modeling.core.factories import read, run
from tests.modeling.core.reading.test_reading import CAUSAL, UNSUPPORTED, VOCABULARY, make_model
from tests.modeling.core.test_train_policy import policy_run, weights

CPU = torch.device("cpu")
CLASSIFIERS_ONLY = "its own way"  # of pooling


def make_policy(config: PretrainedConfig) -> PreTrainedModel:
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config).eval()


def ragged_texts() -> list[TokenText]:
    """Prompts of one token and of many, one response and several, responses that begin alike, that
    are the same, that are their end token alone, and a prompt that comes again later."""
    rng = random.Random(0)

    def draw(count: int) -> tuple[int, ...]:
        return tuple(rng.randrange(3, VOCABULARY) for _ in range(count))

    long, short, other = draw(20), draw(1), draw(9)
    alike = draw(6)
    return [
        TokenText(long, (*alike, *draw(3), 2)),
        TokenText(long, (*alike, *draw(1), 2)),
        TokenText(long, (*alike, 2)),
        TokenText(short, (2,)),
        TokenText(short, draw(12)),
        TokenText(other, (*draw(5), 2)),
        TokenText(draw(7), (*alike, 2)),
        TokenText(draw(7), (*alike, 2)),
        TokenText(other, draw(4)),
        *[TokenText(draw(5), (7, 8, 9))] * 2,
    ]


def in_all(
    model: PreTrainedModel, texts: Sequence[TokenText], packed: bool
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Log-probabilities and entropies at temperature 0.7, or values, and the gradients of a
    weighted sum of the first, so that no two tokens pull alike."""
    batch = pack_texts(texts, CPU) if packed else pad_texts(texts, CPU)
    if hasattr(model, "score"):
        read = {"values": batch.values(model)}
    else:
        read = dict(zip(("logps", "entropy"), batch.logps(model, 0.7), strict=True))
    read = {name: value * batch.is_real for name, value in read.items()}
    first = next(iter(read.values()))
    weights = torch.linspace(-1, 2, first.numel()).view(first.shape)
    (first * weights).sum().backward()
    gradients = {
        name: parameter.grad
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    return {name: value.detach() for name, value in read.items()}, gradients


@pytest.mark.parametrize("make", [make_policy, make_model])
@pytest.mark.parametrize("name", CAUSAL)
def test_packed_rows_equal_padded_ones(
    name: str, make: Callable[[PretrainedConfig], PreTrainedModel]
) -> None:
    model = make(CAUSAL[name]())
    plain = copy.deepcopy(model)
    assert choose_policy_way([model], "auto", 200) == ("shared", None)
    from_packed, gradients = in_all(model, ragged_texts(), packed=True)
    expected, expected_gradients = in_all(plain, ragged_texts(), packed=False)
    for key, value in expected.items():
        assert from_packed[key].shape == value.shape
        assert (from_packed[key] - value).abs().max() < 1e-4 * value.abs().max()
    assert gradients.keys() == expected_gradients.keys()
    scale = max(gradient.norm() for gradient in expected_gradients.values())
    for key, gradient in expected_gradients.items():
        error = (gradients[key] - gradient).norm()
        # A bias of the keys cancels in the softmax: its gradient is rounding on either side.
        assert error < 1e-4 * max(gradient.norm(), 1e-3 * scale), key


@pytest.mark.parametrize("make", [make_policy, make_model])
def test_packed_rows_can_be_read_in_bf16(
    make: Callable[[PretrainedConfig], PreTrainedModel],
) -> None:
    model = make(CAUSAL["qwen2"]())
    expected, _ = in_all(copy.deepcopy(model), ragged_texts(), packed=False)
    choose_policy_way([model], "shared", 200)
    with torch.autocast("cpu", torch.bfloat16):
        from_packed, _ = in_all(model, ragged_texts(), packed=True)
    for key, value in expected.items():
        assert from_packed[key].dtype == torch.float32
        assert 0 < (from_packed[key] - value).abs().max() < 0.05 * value.abs().max()


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_the_block_mask_of_flex_attention_says_the_same() -> None:
    """FlexAttention has no backward on a CPU: its forward, uncompiled."""
    model = make_policy(CAUSAL["llama"]())
    choose_policy_way([model], "shared", 200)
    with torch.no_grad():
        expected, _ = pad_texts(ragged_texts(), CPU).logps(model, 1.0)
        batch = make_batch("flex", ragged_texts(), CPU)
        logps, _ = batch.logps(model, 1.0)
    assert ((logps - expected) * batch.is_real).abs().max() < 1e-4


@pytest.mark.parametrize("name", [name for name in UNSUPPORTED if name != CLASSIFIERS_ONLY])
def test_policies_that_cannot_share_are_padded_and_it_is_said(name: str) -> None:
    able, unable = make_policy(CAUSAL["llama"]()), make_policy(UNSUPPORTED[name]())
    plain = copy.deepcopy(unable)
    way, warning = choose_policy_way([able, unable], "auto", 200)
    assert way == "padded"
    assert name in str(warning)
    texts = ragged_texts()
    expected, _ = pad_texts(texts, CPU).logps(plain, 1.0)
    logps, _ = make_batch(way, texts, CPU).logps(unable, 1.0)
    assert torch.equal(logps, expected)


def test_a_head_that_gives_other_logits_in_a_packed_row_is_found_out() -> None:
    """The trunk is in order: what differs comes after it."""
    model = make_policy(CAUSAL["llama"]())
    whole = model.lm_head.forward
    model.lm_head.forward = lambda hidden: whole(hidden - hidden.mean(dim=1, keepdim=True))
    way, warning = choose_policy_way([model], "auto", 200)
    assert way == "padded"
    assert "other values" in str(warning)


@given(
    prompts=st.lists(st.integers(1, 4), min_size=1, max_size=12),
    responses=st.lists(st.integers(1, 30), min_size=24, max_size=24),
    each=st.integers(1, 2),
    budget=st.integers(5, 120),
)
def test_passes_hold_every_item_once_within_the_budget(
    prompts: list[int], responses: list[int], each: int, budget: int
) -> None:
    """A prompt's number is its tokens and its length."""
    lengths = iter(responses)
    items = [
        tuple(TokenText((number,) * number, (5,) * next(lengths)) for _ in range(each))
        for number in prompts
    ]
    passes = by_prompt(items, budget)
    assert sorted(at for one in passes for at in one) == list(range(len(items)))
    for one in passes:
        texts = [text for at in one for text in items[at]]
        tokens = pack_texts(texts, CPU).row.ids.shape[1]
        assert tokens <= budget or len(one) == 1
        runs = [prompt for prompt, _ in groupby(items[at][0].prompt for at in one)]
        assert len(runs) == len(set(runs)), "a prompt's are side by side"
    assert list(plan_passes("shared", items, budget)) == passes


def test_responses_to_one_prompt_are_read_in_one_pass() -> None:
    texts = ragged_texts()
    (one,) = plan_passes("shared", [(text,) for text in texts], 1000)
    row = pack_texts([texts[at] for at in one], CPU).row
    distinct = {text.prompt for text in texts}
    together = sum(map(len, distinct)) + sum(len(text.response) for text in texts)
    assert len(row.spans) == len(distinct)
    assert row.ids.shape[1] < together, "nor is what they begin with alike"


@pytest.mark.parametrize("algorithm", ["ppo", "rloo", "best_of_n", "dpo"])
@pytest.mark.parametrize("options", [{}, {"minibatches": 2, "batch_tokens": 60}])
def test_packed_and_padded_runs_end_with_the_same_policy(
    tiny_model: Path,
    tiny_reward_model: Path,
    tmp_path: Path,
    algorithm: str,
    options: dict[str, Any],
) -> None:
    collected = {}
    for way in ("auto", "padded"):
        folder = policy_run(
            tmp_path / way, tiny_model, tiny_reward_model,
            algorithm=algorithm, attention=way, **options,
        )  # fmt: skip
        assert run(train_policy, folder) == 0, (folder / "error.json").read_text()
        result = read(folder / "result.json")
        assert result["config"]["attention"] == {"auto": "shared"}.get(way, way)
        assert not [said for said in result["warnings"] if "share" in said]
        collected[way] = weights(folder)
    start = AutoModelForCausalLM.from_pretrained(tiny_model).state_dict()
    for name, weight in collected["padded"].items():
        moved = (weight - start[name]).norm()
        assert (collected["auto"][name] - weight).norm() < 0.01 * moved, name
