"""Sampling against transformers: `python benchmarks/sampling_speed.py [--quick]`.

n = 4 responses to each prompt at temperature 1, in fp32, one thread. Ways, taking turns in one
process: `ours` (core/generating/generation.py); `generate`, model.generate with
num_return_sequences=4 on batches of prompts in the order in which they arrive, at the best of
several batch sizes; and `generate_batch`, transformers' continuous batching. Two models: the
shipped demo policy, and a 4-layer, 256-wide Llama with random weights, of whose 4,096 tokens 51
end a response (lengths then fall off as those of real responses do, about 80 tokens on average,
256 at most).

Processor time per token that is part of a response counts, so that chance in the lengths does not.
Ends with one line of JSON.
"""

import argparse
import json
import logging
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
)

from modeling.core.generating.drawing import Sampling, derive_seed
from modeling.core.generating.generation import Request, generate
from modeling.demo.world.examples import starting_prompts

POLICY = Path(__file__).resolve().parent.parent / "modeling" / "demo" / "policy"
SAMPLES = 4
ROWS_AT_ONCE = (32, 64, 128)  # batch sizes at which model.generate is tried
Way = Callable[[], tuple[int, int]]  # -> responses, tokens in them (stop tokens included)


@dataclass(frozen=True)
class Task:
    """What every way has to do."""

    name: str
    model: PreTrainedModel
    prompts: list[list[int]]
    stop_ids: frozenset[int]
    max_new_tokens: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few prompts, one round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without-batch", action="store_true", help="leave generate_batch out")
    options = parser.parse_args()
    torch.set_num_threads(1)
    logging.getLogger("ContinuousBatchingLogger").setLevel(logging.ERROR)
    rounds = 1 if options.quick else options.rounds
    tasks = [demo_task(40 if options.quick else 400), llama_task(16 if options.quick else 96)]
    by_task = {task.name: measure(task, rounds, not options.without_batch) for task in tasks}
    worst = min(figures["ratio_generate"] for figures in by_task.values())
    print(json.dumps({"ratio_generate": worst, "rounds": rounds, **by_task}))


def demo_task(count: int) -> Task:
    tokenizer = AutoTokenizer.from_pretrained(POLICY)
    prompts = [
        tokenizer.apply_chat_template(row["messages"], add_generation_prompt=True)["input_ids"]
        for row in starting_prompts(count)
    ]
    model = AutoModelForCausalLM.from_pretrained(POLICY, dtype=torch.float32).eval()
    return Task("demo", model, prompts, frozenset({tokenizer.eos_token_id}), 80)


def llama_task(count: int) -> Task:
    """Prompt lengths as in chat data: half below 40 tokens, some hundreds at most."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=4096,
        hidden_size=256,
        intermediate_size=688,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=2048,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    lengths = torch.exp(torch.randn(count) * 0.9 + 3.7).clamp(8, 400).int().tolist()
    prompts = [torch.randint(3, 4000, (length,)).tolist() for length in lengths]
    model = LlamaForCausalLM(config).eval()
    return Task("llama_4x256", model, prompts, frozenset(range(4045, 4096)), 256)


def measure(task: Task, rounds: int, with_batch: bool) -> dict[str, float]:
    """Medians over the rounds; model.generate at the batch size that suits it best."""
    ways: dict[str, Way] = {"ours": lambda: ours(task)}
    ways |= {f"generate_{rows}": with_generate(task, rows) for rows in ROWS_AT_ONCE}
    if with_batch:
        ways["generate_batch"] = lambda: with_generate_batch(task)
    speeds: dict[str, list[float]] = {way: [] for way in ways}
    samples: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, work in ways.items():
            torch.manual_seed(0)
            started = time.process_time()
            responses, tokens = work()
            seconds = time.process_time() - started
            assert responses == SAMPLES * len(task.prompts)
            speeds[way].append(tokens / seconds)
            samples[way].append(responses / seconds)
            print(
                f"{task.name:12} {way:16} {seconds:7.2f} s {tokens:7} tokens "
                f"{tokens / seconds:8.0f} tokens/s {responses / seconds:7.1f} responses/s",
                flush=True,
            )

    def ratio(way: str) -> float:
        both = zip(speeds["ours"], speeds[way], strict=True)
        return round(statistics.median(own / theirs for own, theirs in both), 2)

    best = min((f"generate_{rows}" for rows in ROWS_AT_ONCE), key=ratio)
    figures = {"ratio_generate": ratio(best), "rows_of_generate": float(best.split("_")[1])}
    if with_batch:
        figures["ratio_generate_batch"] = ratio("generate_batch")
    return figures | {
        "samples_per_second": round(statistics.median(samples["ours"]), 1),
        "tokens_per_second": round(statistics.median(speeds["ours"])),
    }


def ours(task: Task) -> tuple[int, int]:
    sampling = Sampling(task.stop_ids, task.max_new_tokens)
    requests = [
        Request(prompt, derive_seed(0, str(at), k))
        for at, prompt in enumerate(task.prompts)
        for k in range(SAMPLES)
    ]
    drawn = generate(task.model, requests, sampling)
    return len(drawn), sum(len(one.tokens) for one in drawn)


def settings(task: Task) -> GenerationConfig:
    return GenerationConfig(
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        num_return_sequences=SAMPLES,
        max_new_tokens=task.max_new_tokens,
        eos_token_id=sorted(task.stop_ids),
        pad_token_id=0,
    )


def with_generate(task: Task, rows: int) -> Way:
    def work() -> tuple[int, int]:
        responses = tokens = 0
        task.model.generation_config = settings(task)
        for start in range(0, len(task.prompts), rows // SAMPLES):
            prompts = task.prompts[start : start + rows // SAMPLES]
            longest = max(map(len, prompts))
            ids = torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in prompts])
            mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts])
            output = task.model.generate(ids, attention_mask=mask)[:, longest:].tolist()
            responses += len(output)
            tokens += sum(length(task, row) for row in output)
        return responses, tokens

    return work


def length(task: Task, row: Sequence[int]) -> int:
    """Tokens up to the stop token, which counts."""
    return next((at + 1 for at, token in enumerate(row) if token in task.stop_ids), len(row))


def with_generate_batch(task: Task) -> tuple[int, int]:
    """Its own way of attention is set for the call and taken back."""
    before = task.model.config._attn_implementation
    try:
        generated = task.model.generate_batch(task.prompts, generation_config=settings(task))
    finally:
        task.model.set_attn_implementation(before)
    outputs = [length(task, output.generated_tokens) for output in generated.values()]
    return len(outputs), sum(outputs)


if __name__ == "__main__":
    main()
