"""Packed rows give the rewards and gradients of the plain forward, or are not used at all."""

import copy
import random
from collections.abc import Callable

import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    Gemma2Config,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    OPTConfig,
    PretrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
)

from modeling.core.reading.reader import Reader, choose_reader
from modeling.core.texts.text import Encoded

VOCABULARY = 100
TOKENS = {"vocab_size": VOCABULARY, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
LLAMA = TOKENS | {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
GQA = LLAMA | {"num_key_value_heads": 2}
GPT2 = TOKENS | {"n_embd": 32, "n_layer": 2, "n_head": 4}

CAUSAL: dict[str, Callable[[], PretrainedConfig]] = {
    "llama": lambda: LlamaConfig(**LLAMA, num_key_value_heads=4),
    "qwen2": lambda: Qwen2Config(**GQA),
    "qwen3": lambda: Qwen3Config(**GQA, head_dim=16),
    "gpt2": lambda: GPT2Config(**GPT2, resid_pdrop=0.0, attn_pdrop=0.0, embd_pdrop=0.0),
    "gpt_neox": lambda: GPTNeoXConfig(**LLAMA),
    "opt": lambda: OPTConfig(
        **TOKENS,
        hidden_size=32,
        word_embed_proj_dim=32,
        ffn_dim=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        dropout=0.0,
    ),
    "mistral, window longer than any text": lambda: MistralConfig(**GQA, sliding_window=4096),
}
UNSUPPORTED: dict[str, Callable[[], PretrainedConfig]] = {
    "sliding window": lambda: MistralConfig(**GQA, sliding_window=20),
    "softcap": lambda: Gemma2Config(**GQA, head_dim=8, sliding_window=4096),
    "its own way": lambda: BertConfig(**LLAMA),
    "rotary positions": lambda: LlamaConfig(
        **GQA, rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
    ),
}


def make_model(config: PretrainedConfig) -> PreTrainedModel:
    torch.manual_seed(0)
    config.num_labels = 1
    return AutoModelForSequenceClassification.from_config(config).eval()


def make_group(rng: random.Random, prompt: int, responses: tuple[int, ...]) -> list[Encoded]:
    draw = lambda count: [rng.randrange(3, VOCABULARY) for _ in range(count)]  # noqa: E731
    first = draw(prompt)
    return [Encoded([*first, *draw(count), 2], prompt, False) for count in responses]


def ragged_groups() -> list[list[Encoded]]:
    """K = 1..5, an empty response (its EOS alone), no prompt at all, texts that are the same, and
    a truncated text whose prompt begins elsewhere."""
    rng = random.Random(0)
    groups = [
        make_group(rng, 9, (5, 3)),
        make_group(rng, 20, (7, 0, 8)),
        make_group(rng, 4, (12,)),
        make_group(rng, 12, (30, 2, 9, 9, 1)),
        make_group(rng, 0, (4, 6)),
    ]
    same = make_group(rng, 6, (5,))[0]
    cut = make_group(rng, 15, (3, 40))
    cut[1] = Encoded(cut[1].ids[7:], 8, True)
    return [*groups, [same, same], cut]


def rewards_and_gradients(reader: Reader) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Gradients of a weighted sum, so that no two texts pull alike."""
    rewards = reader.rewards(ragged_groups())
    weights = torch.linspace(-1, 2, len(rewards))
    (rewards * weights).sum().backward()
    return rewards.detach(), {
        name: parameter.grad
        for name, parameter in reader.model.named_parameters()
        if parameter.grad is not None
    }


@pytest.mark.parametrize("name", CAUSAL)
@pytest.mark.parametrize("prune", [True, False])
def test_packed_rows_equal_the_plain_forward(name: str, prune: bool) -> None:
    model = make_model(CAUSAL[name]())
    plain = copy.deepcopy(model)
    chosen = choose_reader(model, "auto", 200)
    assert (chosen.way, chosen.warning) == ("shared", None)
    assert chosen.prune == (name != "gpt2")  # GPT-2 reshapes to the length of its input
    reader = Reader(model, "shared", prune=prune and chosen.prune)
    rewards, gradients = rewards_and_gradients(reader)
    expected, expected_gradients = rewards_and_gradients(Reader(plain, "padded"))
    assert (rewards - expected).abs().max() < 1e-4 * expected.abs().max()
    assert gradients.keys() == expected_gradients.keys()
    scale = max(gradient.norm() for gradient in expected_gradients.values())
    for key, gradient in expected_gradients.items():
        error = (gradients[key] - gradient).norm()
        # A bias of the keys cancels in the softmax: its gradient is rounding on either side.
        assert error < 1e-4 * max(gradient.norm(), 1e-3 * scale), key


@pytest.mark.parametrize("name", CAUSAL)
@pytest.mark.parametrize("prune", [True, False])
def test_packed_rows_can_be_read_in_bf16(name: str, prune: bool) -> None:
    """As a training step reads them where there are matrix units: near what fp32 gives. Rotary
    positions leave queries and keys in fp32 beside values in bf16."""
    model = make_model(CAUSAL[name]())
    expected, expected_gradients = rewards_and_gradients(Reader(copy.deepcopy(model), "padded"))
    chosen = choose_reader(model, "shared", 200)
    assert chosen.way == "shared"
    with torch.autocast("cpu", torch.bfloat16):
        reader = Reader(model, "shared", prune=prune and chosen.prune)
        rewards, gradients = rewards_and_gradients(reader)
    assert rewards.dtype == torch.float32
    # bf16 keeps 8 bits, so each of some twenty roundings on the way is off by up to 2**-9.
    assert (rewards - expected).abs().max() < 0.05 * expected.abs().max()
    assert gradients.keys() == expected_gradients.keys()
    whole = sum(gradient.square().sum() for gradient in expected_gradients.values())
    error = sum((gradients[key] - expected_gradients[key]).square().sum() for key in gradients)
    assert 0 < error < 0.05**2 * whole


def test_plain_sdpa_slices_equal_the_flash_slices() -> None:
    """What a GPU without FlexAttention would take; on a CPU float64 does."""
    model = make_model(CAUSAL["qwen3"]())
    expected, expected_gradients = rewards_and_gradients(Reader(copy.deepcopy(model), "padded"))
    for prune in (True, False):
        double = copy.deepcopy(model).double()
        reader = choose_reader(double, "shared", 200)
        rewards, gradients = rewards_and_gradients(Reader(reader.model, "shared", prune=prune))
        assert (rewards - expected).abs().max() < 1e-5
        for key, gradient in expected_gradients.items():
            assert (gradients[key] - gradient).norm() <= 1e-4 * gradient.norm(), key


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_the_block_mask_of_flex_attention_says_the_same() -> None:
    """FlexAttention has no backward on a CPU: its forward, uncompiled."""
    model = make_model(CAUSAL["llama"]())
    with torch.no_grad():
        expected = Reader(copy.deepcopy(model), "padded").rewards(ragged_groups())
        chosen = choose_reader(model, "flex", 200)
        assert chosen.way == "shared", "no GPU: the next best way"
        for prune in (True, False):
            rewards = Reader(model, "flex", prune=prune).rewards(ragged_groups())
            assert (rewards - expected).abs().max() < 1e-4


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_models_that_cannot_share_are_padded_and_it_is_said(name: str) -> None:
    model = make_model(UNSUPPORTED[name]())
    plain = copy.deepcopy(model)
    reader = choose_reader(model, "auto", 200)
    assert reader.way == "padded"
    assert reader.warning is not None
    assert name in reader.warning
    with torch.no_grad():
        expected = Reader(plain, "padded").rewards(ragged_groups())
        assert torch.equal(reader.rewards(ragged_groups()), expected)


def test_a_model_that_leaks_between_responses_is_found_out() -> None:
    """A layer that mixes in the token before, as convolutions and state-space layers do."""
    model = make_model(CAUSAL["llama"]())
    layer = model.base_model.layers[0].mlp
    whole = layer.forward
    layer.forward = lambda hidden: whole(hidden + hidden.roll(1, dims=1))
    reader = choose_reader(model, "auto", 200)
    assert reader.way == "padded"
    assert "other values" in str(reader.warning)


def test_batches_neither_lose_texts_nor_change_rewards() -> None:
    model = make_model(CAUSAL["qwen2"]())
    for way in ("shared", "padded"):
        reader = choose_reader(copy.deepcopy(model), way, 200)
        heard: list[int] = []
        parts = reader.score(ragged_groups(), 40, heard.append)
        whole = reader.score(ragged_groups(), 100_000)
        assert [len(group) for group in parts] == [2, 3, 1, 5, 2, 2, 2]
        assert heard[-1] == 17
        assert len(heard) > 3
        for part, expected in zip(parts, whole, strict=True):
            assert part == pytest.approx(expected, abs=1e-5)


def test_the_padded_forward_still_works_where_sharing_is_on() -> None:
    """The same model object, read by the user's own call: its mask is not ours."""
    model = make_model(CAUSAL["llama"]())
    expected = Reader(copy.deepcopy(model), "padded").rewards(ragged_groups())
    choose_reader(model, "shared", 200)
    rewards = Reader(model, "padded").rewards(ragged_groups())
    assert (rewards - expected).abs().max() < 1e-5
