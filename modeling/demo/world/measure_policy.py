"""Measures a demo policy against the oracle: fluency, quality, and the room there is to improve.

    python -m modeling.demo.world.measure_policy [--policy FOLDER] [--prompts 64] [--samples 16]

Prints one line of JSON. `longer_wins` is how often the longer of two samples has the higher score.
"""

import argparse
import json
import random
import statistics
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from modeling.demo.world.oracle import explain, is_fluent, score
from modeling.demo.world.questions import Question, questions

POLICY = Path(__file__).parent.parent / "policy"


@dataclass(frozen=True)
class WrittenResponse:
    question: Question
    text: str
    finished: bool  # written to its end, not stopped by the token limit


def load(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    return model, AutoTokenizer.from_pretrained(folder)


@torch.inference_mode()
def draw_samples(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    asked: list[Question],
    *,
    per_question: int = 1,
    seed: int = 0,
    max_new_tokens: int = 80,
) -> list[WrittenResponse]:
    """`per_question` samples at temperature 1 for each question, in one left-padded batch each."""
    torch.manual_seed(seed)
    samples: list[WrittenResponse] = []
    for start in range(0, len(asked), 64):
        group = asked[start : start + 64]
        inputs = tokenizer.apply_chat_template(
            [question.messages for question in group],
            add_generation_prompt=True,
            padding=True,
            return_tensors="pt",
            return_dict=True,
        )
        output = model.generate(
            **inputs, num_return_sequences=per_question, max_new_tokens=max_new_tokens
        )
        written = output[:, inputs["input_ids"].shape[1] :]  # (questions * per_question, T)
        for row, ids in enumerate(written):
            samples.append(
                WrittenResponse(
                    question=group[row // per_question],
                    text=tokenizer.decode(ids, skip_special_tokens=True),
                    finished=bool((ids == tokenizer.eos_token_id).any()),
                )
            )
    return samples


def measure(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, asked: list[Question], n: int
) -> dict[str, float]:
    """Figures over `n` samples for each of the questions; best-of-4 takes each sample once."""
    samples = draw_samples(model, tokenizer, asked, per_question=n)
    scores = [score(sample.question.messages, sample.text) for sample in samples]
    rows = [scores[i : i + n] for i in range(0, len(scores), n)]
    fours = [row[i : i + 4] for row in rows for i in range(0, n - n % 4, 4)]
    parts = [explain(sample.question.messages, sample.text) for sample in samples]
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "samples": len(samples),
        "fluent": statistics.mean(s.finished and is_fluent(s.text) for s in samples),
        "right": statistics.mean(part.get("correctness", -1.2) >= 0.75 for part in parts),
        "polite": statistics.mean(part.get("politeness", 0.0) > 0 for part in parts),
        "score_mean": statistics.mean(scores),
        "score_sd": statistics.pstdev(scores),
        "best_of_4": statistics.mean(map(max, fours)),
        f"best_of_{n}": statistics.mean(map(max, rows)),
        "longer_wins": longer_wins(samples, scores, n),
    }


def longer_wins(samples: list[WrittenResponse], scores: list[float], n: int) -> float:
    """Over pairs of samples for one question that differ in length and in score."""
    wins = []
    for start in range(0, len(samples), n):
        for i, j in combinations(range(start, start + n), 2):
            longer = len(samples[i].text) - len(samples[j].text)
            better = scores[i] - scores[j]
            if longer and better:
                wins.append((longer > 0) == (better > 0))
    return statistics.mean(wins)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure a demo policy.")
    parser.add_argument("--policy", type=Path, default=POLICY)
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--samples", type=int, default=16)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    asked = random.Random(0).sample(questions(), arguments.prompts)
    figures = measure(*load(arguments.policy), asked, arguments.samples)
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
