"""Generation: the model's own distribution, whatever rows come and go beside a response."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    OPTConfig,
    PretrainedConfig,
    PreTrainedModel,
    Qwen3Config,
)

from modeling.core.generating import generation
from modeling.core.generating.drawing import Sampling, derive_seed, pick, uniforms
from modeling.core.generating.generation import Drawn, Request, generate
from modeling.core.generating.plain_generation import choose_generator, generate_plain
from modeling.core.program.errors import ProgramCancelled, ProgramError

VOCABULARY = 60
STOP = frozenset(range(50, 60))  # a sixth of the tokens: responses of very different lengths
TOKENS = {"vocab_size": VOCABULARY, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
LLAMA = TOKENS | {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "initializer_range": 0.2,  # else every token is as likely as any other
}
GQA = LLAMA | {"num_key_value_heads": 2}
CAUSAL: dict[str, Callable[[], PretrainedConfig]] = {
    "llama": lambda: LlamaConfig(**GQA),
    "qwen3": lambda: Qwen3Config(**GQA, head_dim=16),
    "gpt2": lambda: GPT2Config(**TOKENS, n_embd=32, n_layer=2, n_head=4, initializer_range=0.2),
    "gpt_neox": lambda: GPTNeoXConfig(**LLAMA),
    "opt": lambda: OPTConfig(**LLAMA, word_embed_proj_dim=32, ffn_dim=64, init_std=0.2),
    "bloom": lambda: BloomConfig(**TOKENS, hidden_size=32, n_layer=2, n_head=4),
    "sliding window": lambda: MistralConfig(**GQA, sliding_window=6),
    "softcap": lambda: Gemma2Config(**GQA, head_dim=8, sliding_window=6),
    "windows of some layers": lambda: Gemma3TextConfig(
        **GQA,
        head_dim=8,
        sliding_window=6,
        layer_types=["sliding_attention", "full_attention"],
    ),
}


def make_model(config: PretrainedConfig) -> PreTrainedModel:
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config).eval()


def make_requests(prompts: int = 5, samples: int = 3) -> list[Request]:
    """Prompts of 1 to 17 tokens in no order."""
    chance = torch.Generator().manual_seed(1)
    lengths = [3, 17, 1, 9, 5, 12, 8][:prompts]
    ids = [torch.randint(3, 50, (length,), generator=chance).tolist() for length in lengths]
    return [
        Request(prompt, derive_seed(0, str(at), k))
        for at, prompt in enumerate(ids)
        for k in range(samples)
    ]


def sampling(**changes: Any) -> Sampling:
    usual: dict[str, Any] = {"stop_ids": STOP, "max_new_tokens": 20, "batch_tokens": 150}
    return Sampling(**usual | changes)


def by_hand(model: PreTrainedModel, request: Request, how: Sampling) -> Drawn:
    """No cache, no batch: the whole text is read anew for each token."""
    drawn, draws = Drawn(), uniforms(request.seed, how.max_new_tokens)
    for draw in draws:
        ids = torch.tensor([[*request.prompt, *drawn.tokens]])
        with torch.no_grad():
            logits = model(input_ids=ids, use_cache=False).logits[:, -1]
        token, log_prob = pick(logits, draw[None], how.temperature, how.top_p)
        if not drawn.take(int(token), float(log_prob), how):
            break
    return drawn


@pytest.fixture(scope="module")
def llama() -> PreTrainedModel:
    return make_model(CAUSAL["llama"]())


@pytest.mark.parametrize("name", CAUSAL)
def test_each_response_is_what_the_model_alone_would_say(name: str) -> None:
    """In a batch of about four rows that other rows leave and join at every length."""
    model = make_model(CAUSAL[name]())
    chosen, warning = choose_generator(model)
    assert (chosen, warning) == (generate, "")
    requests, how = make_requests(), sampling()
    responses = generate(model, requests, how)
    assert len({len(drawn.tokens) for drawn in responses}) > 3
    for request, drawn in zip(requests, responses, strict=True):
        alone = by_hand(model, request, how)
        assert drawn.tokens == alone.tokens
        assert drawn.log_probs == pytest.approx(alone.log_probs, abs=1e-4)
        assert drawn.finished == alone.finished


def test_a_model_with_another_memory_takes_the_slow_way_and_it_is_said() -> None:
    model = make_model(MambaConfig(**TOKENS, hidden_size=32, num_hidden_layers=2, state_size=4))
    chosen, warning = choose_generator(model)
    assert chosen is generate_plain
    assert "MambaForCausalLM are generated one prompt at a time" in warning
    requests, how = make_requests(3, 2), sampling(max_new_tokens=8)
    for request, drawn in zip(requests, chosen(model, requests, how), strict=True):
        alone = by_hand(model, request, how)
        assert (drawn.tokens, drawn.finished) == (alone.tokens, alone.finished)


def test_a_model_that_mixes_columns_is_found_out(llama: PreTrainedModel) -> None:
    """A layer that looks at the column before, which may be padding: no error, but other texts."""
    model = make_model(CAUSAL["llama"]())
    layer = model.base_model.layers[0].mlp
    whole = layer.forward
    layer.forward = lambda hidden: whole(hidden + hidden.roll(1, dims=1))
    chosen, warning = choose_generator(model)
    assert chosen is generate_plain
    assert "logits differ" in warning


@pytest.mark.parametrize("batch_tokens", [1, 60, 10_000])
def test_both_ways_give_the_same_in_every_batch(llama: PreTrainedModel, batch_tokens: int) -> None:
    """Nor does what a checkpoint declares for model.generate join in."""
    requests, how = make_requests(), sampling(batch_tokens=batch_tokens, top_p=0.8, temperature=0.7)
    expected = generate(llama, requests, sampling(top_p=0.8, temperature=0.7))
    llama.generation_config.repetition_penalty = 9.0
    try:
        for way in (generate, generate_plain):
            responses = way(llama, requests, how)
            assert [drawn.tokens for drawn in responses] == [drawn.tokens for drawn in expected]
    finally:
        llama.generation_config.repetition_penalty = None


def test_a_prompt_is_read_once_for_all_its_responses(
    llama: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[tuple[int, ...]] = []
    whole = generation.read_prefix

    def counted(model: PreTrainedModel, prompts: Any) -> Any:
        read.extend(tuple(prompt) for prompt in prompts)
        return whole(model, prompts)

    monkeypatch.setattr(generation, "read_prefix", counted)
    requests = make_requests(5, 8)
    generate(llama, requests, sampling())
    assert sorted(read) == sorted({tuple(request.prompt) for request in requests})


def test_rows_that_are_finished_cost_nothing_for_long(
    llama: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows times steps, against the tokens that came out of them."""
    computed = 0
    whole = generation.next_logits

    def counted(model: PreTrainedModel, latest: Any, rows: Any) -> Any:
        nonlocal computed
        computed += len(latest)
        return whole(model, latest, rows)

    monkeypatch.setattr(generation, "next_logits", counted)
    how = sampling(batch_tokens=700, max_new_tokens=40)
    responses = generate(llama, make_requests(7, 20), how)
    wanted = sum(len(drawn.tokens) for drawn in responses)
    assert wanted - len(responses) <= computed <= 1.25 * wanted


def test_each_response_is_told_once_and_is_whole(llama: PreTrainedModel) -> None:
    reported: dict[int, list[int]] = {}
    responses = generate(
        llama,
        make_requests(),
        sampling(),
        on_done=lambda at, drawn: reported.setdefault(at, list(drawn.tokens)),
    )
    assert reported == {at: drawn.tokens for at, drawn in enumerate(responses)}


def test_what_check_raises_ends_the_work_and_the_mode_comes_back(llama: PreTrainedModel) -> None:
    def stop() -> None:
        raise ProgramCancelled

    llama.train()
    for way in (generate, generate_plain):
        with pytest.raises(ProgramCancelled):
            way(llama, make_requests(), sampling(), check=stop)
        assert llama.training
    llama.eval()
    assert generate(llama, [], sampling()) == []


def test_one_token_and_an_immediate_stop_are_responses_too(llama: PreTrainedModel) -> None:
    for drawn in generate(llama, make_requests(), sampling(max_new_tokens=1)):
        assert len(drawn.tokens) == len(drawn.log_probs) == 1
    all_stop = sampling(stop_ids=frozenset(range(VOCABULARY)))
    for drawn in generate(llama, make_requests(), all_stop):
        assert (drawn.text_tokens, drawn.finished, len(drawn.tokens)) == ([], True, 1)


def test_a_diverged_policy_is_named(llama: PreTrainedModel) -> None:
    broken = make_model(CAUSAL["llama"]())
    torch.nn.init.constant_(broken.lm_head.weight, math.nan)
    with pytest.raises(ProgramError, match="not a number"):
        generate(broken, make_requests(), sampling())


def test_draws_follow_the_probabilities() -> None:
    """Logits log 1, log 2, log 7: 10 %, 20 %, 70 %. 20,000 draws: standard error 0.3 %."""
    logits = torch.tensor([[1.0, 2.0, 7.0]]).log().expand(20_000, 3)
    tokens, log_probs = pick(logits, uniforms(0, 20_000))
    shares = torch.bincount(tokens, minlength=3) / 20_000
    assert shares.tolist() == pytest.approx([0.1, 0.2, 0.7], abs=0.015)
    assert torch.allclose(log_probs.exp(), torch.tensor([0.1, 0.2, 0.7])[tokens])


def test_top_p_keeps_the_likeliest_and_temperature_sharpens() -> None:
    """Of 10, 20 and 70 %, top-p 0.75 keeps the last two: 2/9 and 7/9. At temperature 0.5 the
    shares are squared: 1, 4 and 49 of 54."""
    logits = torch.tensor([[1.0, 2.0, 7.0]]).log().expand(20_000, 3)
    draws = uniforms(1, 20_000)
    tokens, log_probs = pick(logits, draws, top_p=0.75)
    shares = torch.bincount(tokens, minlength=3) / 20_000
    assert shares.tolist() == pytest.approx([0, 2 / 9, 7 / 9], abs=0.015)
    assert torch.allclose(log_probs.exp(), torch.tensor([0.1, 0.2, 0.7])[tokens]), "of all tokens"
    tokens, log_probs = pick(logits, draws, temperature=0.5)
    shares = torch.bincount(tokens, minlength=3) / 20_000
    assert shares.tolist() == pytest.approx([1 / 54, 4 / 54, 49 / 54], abs=0.015)
    assert torch.allclose(log_probs.exp(), torch.tensor([1.0, 4.0, 49.0])[tokens] / 54)


def test_a_draw_at_either_end_hits_a_token_that_can_occur() -> None:
    logits = torch.tensor([[-1e9, 3.0, -1e9], [-1e9, 3.0, -1e9]])
    draws = torch.tensor([0.0, 1 - 1e-16], dtype=torch.float64)
    assert pick(logits, draws, top_p=0.5)[0].tolist() == [1, 1]


def test_the_first_draws_are_the_same_for_every_count() -> None:
    assert torch.equal(uniforms(7, 500)[:20], uniforms(7, 20))


@pytest.mark.parametrize(
    "wrong", [{"max_new_tokens": 0}, {"temperature": -1}, {"top_p": 0}, {"batch_tokens": 0}]
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        sampling(**wrong)
