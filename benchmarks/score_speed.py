"""Scoring 2,000 texts against transformers: `python benchmarks/score_speed.py [--quick]`.

1,000 HH pairs, tokenisation included, a 4-layer, 256-wide Llama in fp32, one thread. Three ways,
taking turns in one process: `score`, the reading part of our program; `transformers.pipeline` at
batch 16; and length-sorted batches of 16 with the plain model. Processor time counts. Needs the
data (parts/real_pairs.py). Ends with one line of JSON.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from benchmarks.parts.real_pairs import LONGEST, build_model, hh_groups
from modeling.core.loading.saved_rewards import load_scorer
from modeling.core.texts.text import Prompt, encode_texts, render_text

BATCH = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="60 pairs, one round")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    pairs, rounds = (60, 1) if options.quick else (1000, options.rounds)
    torch.set_num_threads(1)
    groups = hh_groups()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build_model(folder, [prompt + texts[0] for prompt, texts in groups])
        texts = short_texts(folder, groups)[: 2 * pairs]
        ways = make_ways(folder, texts)
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        rewards: dict[str, list[float]] = {}
        for _ in range(rounds):
            for way, score in ways.items():
                started = time.process_time()
                rewards[way] = score()
                seconds[way].append(time.process_time() - started)
                print(f"{way:10} {seconds[way][-1]:7.2f} s", flush=True)
    print(json.dumps(compare(seconds, rewards) | {"texts": len(texts), "rounds": rounds}))


def short_texts(folder: Path, groups: list[tuple[str, list[str]]]) -> list[tuple[Prompt, str]]:
    """Pairs that nobody has to truncate: ours loses the oldest part, the pipeline the end."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts: list[tuple[Prompt, str]] = []
    for prompt, answers in groups:
        pair = [((("user", prompt),), text) for text in answers]
        if not any(text.truncated for text in encode_texts(tokenizer, pair, LONGEST)):
            texts += pair
    return texts


def make_ways(
    folder: Path, texts: list[tuple[Prompt, str]]
) -> dict[str, Callable[[], list[float]]]:
    """Each from raw texts to rewards in the order of the texts; models are loaded before."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    load = AutoModelForSequenceClassification.from_pretrained
    loaded = load_scorer(str(folder), torch.device("cpu"), max_length=LONGEST, threads=1)
    assert loaded.reader.way == "shared", loaded.reader.warning
    plain = load(folder).eval()
    classify = pipeline(
        "text-classification", model=load(folder), tokenizer=tokenizer, function_to_apply="none"
    )

    def ours() -> list[float]:
        return loaded.score(texts)[:, 0].tolist()

    def with_pipeline() -> list[float]:
        rendered = [render_text(tokenizer, *text) for text in texts]
        options = {"batch_size": BATCH, "truncation": True, "max_length": LONGEST}
        return [result["score"] for result in classify(rendered, **options)]

    @torch.no_grad()
    def length_sorted() -> list[float]:
        rendered = [render_text(tokenizer, *text) for text in texts]
        ids = tokenizer(rendered, truncation=True, max_length=LONGEST)["input_ids"]
        order = sorted(range(len(ids)), key=lambda at: len(ids[at]))
        rewards = [0.0] * len(ids)
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            inputs = tokenizer.pad({"input_ids": [ids[at] for at in batch]}, return_tensors="pt")
            logits = plain(**inputs).logits[:, 0].tolist()
            for at, reward in zip(batch, logits, strict=True):
                rewards[at] = reward
        return rewards

    return {"ours": ours, "sorted": length_sorted, "pipeline": with_pipeline}


def compare(seconds: dict[str, list[float]], rewards: dict[str, list[float]]) -> dict[str, float]:
    """Ratios are medians over the rounds."""

    def ratio(way: str) -> float:
        both = zip(seconds[way], seconds["ours"], strict=True)
        return round(statistics.median(theirs / own for theirs, own in both), 2)

    apart = sorted(abs(a - b) for a, b in zip(rewards["ours"], rewards["pipeline"], strict=True))
    return {
        "ratio_pipeline": ratio("pipeline"),
        "ratio_sorted": ratio("sorted"),
        "largest_difference": apart[-1],
        "texts_per_second": round(len(apart) / statistics.median(seconds["ours"]), 1),
    }


if __name__ == "__main__":
    main()
