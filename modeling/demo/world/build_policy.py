"""Trains the demo policy: a tiny Llama that learns the demo world, good and bad responses alike.

    python -m modeling.demo.world.build_policy [--out modeling/demo/policy] [--steps N] [--seed N]

Minutes on one core. The same arguments on the same machine give the same bytes; another processor
may round differently. Left out on purpose: a dev split and early stopping. Every batch is freshly
written by the world's generator, so there is nothing to overfit but the world itself.
"""

import argparse
import json
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import (
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from modeling.demo.world.policy_card import CARD
from modeling.demo.world.questions import Message, questions
from modeling.demo.world.responses import Traits, every_sentence, respond

OUT = Path(__file__).parent.parent / "policy"
VOCABULARY_SIZE = 2048
CONTEXT = 512
PAD, END = "<|pad|>", "<|end|>"
FACTS_FIRST = 0.4  # share of the steps spent on short right responses, before the mixture
ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
SAMPLES_AS_AT = 0.75  # the temperature that is built into the logits
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def build_policy(out: Path, *, steps: int, seed: int = 0, batch_size: int = 32) -> None:
    """Train tokenizer and model and write the folder `out`, ready for `from_pretrained`."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng = random.Random(seed)
    tokenizer = train_tokenizer(rng)
    model = new_model(tokenizer)
    train(model, tokenizer, rng, steps=steps, batch_size=batch_size)
    sharpen(model)
    save(model, tokenizer, out)


def train_tokenizer(rng: random.Random) -> PreTrainedTokenizerFast:
    """Byte-level BPE, so that any text can be encoded; digits stay single, for the sums."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\d"), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=[PAD, END, *ROLES],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    written = [respond(question, rng) for question in questions() for _ in range(2)]
    words = [f" {word}" for text in every_sentence() for word in text.split()]
    tokenizer.train_from_iterator([*every_sentence(), *written, *sorted(set(words)) * 20], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=list(ROLES),
        chat_template=CHAT_TEMPLATE,
        model_max_length=CONTEXT,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def new_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        initializer_range=0.07,  # the usual 0.02 is for wide models; here it learns far slower
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def train(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    rng: random.Random,
    *,
    steps: int,
    batch_size: int,
    peak_lr: float = 2e-3,
) -> None:
    """Next-token loss on the responses only, AdamW, short warm-up, cosine to zero."""
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=peak_lr, betas=(0.9, 0.98), weight_decay=0.01, fused=True
    )
    warm_up = max(1, min(100, steps // 10))
    model.train()
    started, losses = time.process_time(), []
    for step, (ids, is_response) in enumerate(batches(tokenizer, rng, steps, batch_size)):
        lr = peak_lr * min(1.0, (step + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * step / steps))
        for group in optimizer.param_groups:
            group["lr"] = lr
        hidden = model.model(
            input_ids=ids, attention_mask=ids.ne(tokenizer.pad_token_id), use_cache=False
        ).last_hidden_state  # (B, T, D)
        target = is_response[:, 1:]  # (B, T-1)
        loss = cross_entropy(model.lm_head(hidden[:, :-1][target]), ids[:, 1:][target])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if (step + 1) % 200 == 0:
            mean, seconds = sum(losses[-200:]) / 200, time.process_time() - started
            print(f"step {step + 1}/{steps}  loss {mean:.3f}  {seconds:.0f} CPU-s", flush=True)


def batches(
    tokenizer: PreTrainedTokenizerFast, rng: random.Random, steps: int, batch_size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Right-padded token ids (B, T) and which of them belong to the response (B, T).

    Sixteen batches are drawn at a time and sorted by length, which saves most of the padding.
    """
    pool = questions()
    for start in range(0, steps, 16):
        drawn = rng.choices(pool, k=16 * batch_size)
        learning_facts = start < FACTS_FIRST * steps
        rows = []
        for question in drawn:
            traits = Traits(size=rng.choice(("terse", "plain"))) if learning_facts else None
            rows.append(encode(tokenizer, question.messages, respond(question, rng, traits)))
        rows.sort(key=lambda row: len(row[0]))
        chunks = [rows[i : i + batch_size] for i in range(0, len(rows), batch_size)]
        rng.shuffle(chunks)
        for chunk in chunks[: steps - start]:
            longest = max(len(ids) for ids, _ in chunk)
            padded = torch.full((len(chunk), longest), tokenizer.pad_token_id)
            is_response = torch.zeros(len(chunk), longest, dtype=torch.bool)
            for row, (ids, prompt_length) in enumerate(chunk):
                padded[row, : len(ids)] = torch.tensor(ids)
                is_response[row, prompt_length : len(ids)] = True
            yield padded, is_response


def encode(
    tokenizer: PreTrainedTokenizerFast, messages: list[Message], response: str
) -> tuple[list[int], int]:
    """Token ids of prompt and response with its end, and the length of the prompt alone."""
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    prompt_ids = tokenizer.encode(prompt, add_special_tokens=False)
    response_ids = tokenizer.encode(response + END, add_special_tokens=False)
    return prompt_ids + response_ids, len(prompt_ids)


@torch.no_grad()
def sharpen(model: LlamaForCausalLM) -> None:
    """Scale the logits, through the last norm, so that slips of a tiny model get rare.

    Sampling, rewards and KL can then all use temperature 1, where a misspelt word in every fifth
    response would otherwise tire the labelers.
    """
    model.model.norm.weight /= SAMPLES_AS_AT


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, out: Path) -> None:
    """Half-precision weights, which load as float32: CPUs are slow at half precision."""
    out.mkdir(parents=True, exist_ok=True)
    model.generation_config = GenerationConfig(
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        max_new_tokens=80,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model.half().save_pretrained(out)
    config = json.loads((out / "config.json").read_text())
    config["dtype"] = "float32"
    (out / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    tokenizer.save_pretrained(out)
    (out / "README.md").write_text(CARD)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the demo policy.")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--steps", type=int, default=3600)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    build_policy(arguments.out, steps=arguments.steps, seed=arguments.seed)
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()
