"""Updates of a policy against TRL's RLOOTrainer: `python benchmarks/policy_update.py [--quick]`.

One RLOO update is a forward and a backward pass over responses that were drawn before, an optimiser
step, nothing else: the same weights, tokens, advantages, rate, clip and loss; a 4-layer, 256-wide
Llama in fp32, one thread. Sixteen prompts of four responses: HH conversations and AlpacaEval
instructions with real responses (parts/real_pairs.py); or the demo's policy, prompts and responses.
Each measurement is a process of its own and the variants take turns; what counts is the processor
time of the updates after the first. "padded" are our own updates without shared prompts.

Needs trl (requirements-dev.txt) and the data. Ends with one line of JSON: `ratio_*` is TRL's time
over ours, without its gradient checkpointing unless the name says so.
"""

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}

import torch
from torch import Tensor

from benchmarks.parts.children import child_report
from benchmarks.parts.closed_loop import POLICY, World
from benchmarks.parts.real_pairs import (
    LONGEST,
    alpaca_groups_of_four,
    build_model,
    hh_groups_of_four,
    read_rows,
)
from modeling.core.texts.text import Prompt, encode_texts

PROMPTS, RESPONSES = 16, 4
RATE, CLIP = 1e-5, 0.2
WARM_UP = 1  # updates that are not counted
TASKS = ("hh", "alpaca", "demo")
# how our updates read, or TRL's gradient checkpointing
VARIANTS: dict[str, str | bool] = {
    "ours": "shared",
    "padded": "padded",
    "trl": False,
    "trl_checkpointing": True,
}
Response = tuple[tuple[int, ...], tuple[int, ...]]  # tokens of the prompt and of the response


def conversations(task: str, folder: Path, count: int) -> list[tuple[Prompt, list[str]]]:
    if task == "demo":
        world = World(folder / "world", 0, 0.0)
        asked = world.pool[:count]
        drawn = world.draw("drawn", POLICY, asked, RESPONSES)
        prompts = [question.messages for question in asked]
        return [
            (tuple((m["role"], m["content"]) for m in prompt), texts)
            for prompt, texts in zip(prompts, drawn, strict=True)
        ]
    groups = hh_groups_of_four() if task == "hh" else alpaca_groups_of_four()
    return [((("user", prompt),), texts) for prompt, texts in groups]


def make_steps(folder: Path, task: str, updates: int) -> list[list[Response]]:
    """The responses of each update, prompt after prompt; texts beyond LONGEST are left out."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(POLICY if task == "demo" else folder)
    need = updates * PROMPTS
    chosen: list[Response] = []
    for prompt, texts in conversations(task, folder, need):
        encoded = encode_texts(tokenizer, [(prompt, text) for text in texts], 1 << 20)
        if max(len(one.ids) for one in encoded) <= LONGEST:
            at = encoded[0].prompt_length
            chosen += [(tuple(one.ids[:at]), tuple(one.ids[at:])) for one in encoded]
        if len(chosen) == need * RESPONSES:
            break
    size = PROMPTS * RESPONSES
    return [chosen[start : start + size] for start in range(0, len(chosen), size)]


def load_policy(folder: Path, task: str) -> Any:
    """The demo's own policy; else a random one of 4 layers."""
    from transformers import AutoModelForCausalLM

    source = POLICY if task == "demo" else folder
    torch.manual_seed(0)  # for the head, which a classifier's folder lacks
    return AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)


def pad(rows: list[list[float]], dtype: torch.dtype, *, left: bool = False) -> Tensor:
    longest = max(map(len, rows))
    filled = [
        [0] * (longest - len(row)) + row if left else row + [0] * (longest - len(row))
        for row in rows
    ]
    return torch.tensor(filled, dtype=dtype)


@torch.no_grad()
def old_logps(model: Any, step: list[Response]) -> list[list[float]]:
    """The log-probabilities under the policy that is to be updated, as drawing leaves them."""
    from modeling.core.policy_models.batch import TokenText, pad_texts

    by_text = []
    for prompt, response in step:
        logps, _ = pad_texts([TokenText(prompt, response)], torch.device("cpu")).logps(model, 1.0)
        by_text.append(logps[0].tolist())
    return by_text


def advantages_of(count: int) -> Tensor:
    """Made up, but of leave-one-out's kind: they add up to nothing per prompt."""
    drawn = torch.randn(count // RESPONSES, RESPONSES, generator=torch.Generator().manual_seed(1))
    return (drawn - drawn.mean(dim=1, keepdim=True)).flatten()


class Clock:
    """Processor seconds and tokens of the updates after the warm-up; the losses of all."""

    def __init__(self, model: Any) -> None:
        self.seconds: list[float] = []
        self.tokens: list[int] = []
        self.losses: list[float] = []
        model.get_input_embeddings().register_forward_hook(self.count)

    def count(self, _module: Any, inputs: tuple[Tensor, ...], _output: Any) -> None:
        self.tokens[-1] += inputs[0].numel()

    def report(self) -> dict[str, Any]:
        return {
            "seconds": statistics.fmean(self.seconds[WARM_UP:]),
            "tokens": statistics.fmean(self.tokens[WARM_UP:]),
            "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "losses": self.losses,
        }


def update_ours(folder: Path, model: Any, steps: list[list[Response]], way: str) -> dict[str, Any]:
    from modeling.core.generating.plain_generation import generate_plain
    from modeling.core.policy.rollouts import Rollout
    from modeling.core.policy.settings import resolve
    from modeling.core.policy.task import Task
    from modeling.core.policy.update import Signal, make_learner, optimise
    from modeling.core.policy_models.actors import Actor
    from modeling.core.program.parallel import Processes
    from modeling.core.program.run_dir import RunDir
    from modeling.run_data.train_policy import TrainPolicyConfig

    device = torch.device("cpu")
    unresolved = TrainPolicyConfig(
        algorithm="rloo",
        policy=str(folder),
        reward_models=("none",),
        attention=way,
        learning_rate=RATE,
        clip=CLIP,
        dtype="float32",
    )
    config = resolve(unresolved, 10**8, LONGEST, device)
    actor = Actor(model, cast(Any, None), None)
    task = Task(
        RunDir(folder),
        config,
        Processes(),
        actor,
        None,
        frozenset(),
        generate_plain,
        device,
        "",
        [],
        [],
    )
    task.share_prompts(model)
    assert task.config.attention == way, task.warnings
    learner, clock = make_learner(task, None), Clock(model)
    for number, step in enumerate(steps):
        clock.tokens.append(0)
        logps = old_logps(model, step)
        rollouts = [
            Rollout("", prompt, list(response), old, True, "")
            for (prompt, response), old in zip(step, logps, strict=True)
        ]
        mask = pad([[1.0] * len(row) for row in logps], torch.bool)
        signal = Signal(mask, pad(logps, torch.float32), advantages_of(len(step)))
        clock.tokens[-1] = 0
        started = time.process_time()
        figures = optimise(task, learner, rollouts, signal, list(range(len(step))), number)
        clock.seconds.append(time.process_time() - started)
        clock.losses.append(figures["loss/policy"])
    return clock.report()


def update_trl(
    folder: Path, task: str, model: Any, steps: list[list[Response]], checkpointing: bool
) -> dict[str, Any]:
    from datasets import Dataset
    from transformers import AutoTokenizer
    from trl import RLOOConfig, RLOOTrainer

    def no_reward(completions: list[str], **_: Any) -> list[float]:
        return [0.0] * len(completions)

    trainer = RLOOTrainer(
        model=model,
        reward_funcs=no_reward,
        args=RLOOConfig(
            output_dir=str(folder / "trl"),
            per_device_train_batch_size=PROMPTS * RESPONSES,
            num_generations=RESPONSES,
            gradient_checkpointing=checkpointing,
            epsilon=CLIP,
            learning_rate=RATE,
            report_to="none",
            use_cpu=True,
            bf16=False,
        ),
        train_dataset=Dataset.from_list([{"prompt": "x"}] * (PROMPTS * RESPONSES)),
        processing_class=AutoTokenizer.from_pretrained(POLICY if task == "demo" else folder),
    )
    model = trainer.model
    model.train()
    if checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0, fused=True)
    clock = Clock(model)
    for step in steps:
        clock.tokens.append(0)
        model.eval()
        old = [sum(row) for row in old_logps(model, step)]
        model.train()
        prompts, responses = ([list(text) for text in texts] for texts in zip(*step, strict=True))
        inputs = {
            "prompt_ids": pad(prompts, torch.long, left=True),
            "prompt_mask": pad([[1] * len(row) for row in prompts], torch.long, left=True),
            "completion_ids": pad(responses, torch.long),
            "completion_mask": pad([[1] * len(row) for row in responses], torch.long),
            "old_logps": torch.tensor(old),
            "advantages": advantages_of(len(step)),
        }
        clock.tokens[-1] = 0
        started = time.process_time()
        loss = trainer.compute_loss(model, inputs)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        clock.seconds.append(time.process_time() - started)
        clock.losses.append(loss.item())
    return clock.report()


def measure(folder: Path, variant: str, task: str, updates: int) -> dict[str, Any]:
    """In this process."""
    torch.set_num_threads(1)
    steps = make_steps(folder, task, updates + WARM_UP)
    model, how = load_policy(folder, task), VARIANTS[variant]
    if isinstance(how, str):
        return update_ours(folder, model, steps, how)
    return update_trl(folder, task, model, steps, how)


def compare(reports: dict[tuple[str, str], list[dict[str, Any]]]) -> dict[str, Any]:
    """Medians over the rounds; the ratios are of rounds that ran one after the other."""
    result: dict[str, Any] = {}
    for task in TASKS:
        if (task, "ours") not in reports:
            continue
        ours = reports[task, "ours"]
        for variant in VARIANTS:
            theirs = reports.get((task, variant))
            if theirs is None or variant == "ours":
                continue
            name = {"trl": task, "padded": f"{task}_padded"}.get(variant, f"{task}_checkpointing")
            for figure in ("seconds", "tokens", "megabytes"):
                ratio = statistics.median(
                    t[figure] / o[figure] for t, o in zip(theirs, ours, strict=True)
                )
                prefix = "ratio" if figure == "seconds" else f"{figure}_ratio"
                result[f"{prefix}_{name}"] = round(ratio, 2)
            apart = max(
                abs(t - o) for t, o in zip(theirs[0]["losses"], ours[0]["losses"], strict=True)
            )
            result[f"loss_difference_{name}"] = apart
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one update, one round")
    parser.add_argument("--updates", type=int, help="counted updates per measurement")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--tasks", nargs="*", default=list(TASKS), choices=TASKS)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    updates = options.updates or (1 if options.quick else 4)
    if options.child:
        variant, task, folder = options.child
        print(json.dumps(measure(Path(folder), variant, task, updates)))
        return
    with tempfile.TemporaryDirectory() as name:
        texts = [row["prompt"] + row["chosen"] for row in read_rows("hh_harmless_pairs.jsonl.gz")]
        build_model(Path(name), texts)
        reports: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for _ in range(options.rounds or (1 if options.quick else 3)):
            for task in options.tasks:
                for variant in options.only:
                    child = [__file__, "--child", variant, task, name, "--updates", str(updates)]
                    report = child_report(child)
                    reports.setdefault((task, variant), []).append(report)
                    print(
                        f"{task:8} {variant:18} {report['seconds']:7.3f} s/update "
                        f"{report['tokens']:8.0f} tokens {report['megabytes']:6.0f} MB",
                        flush=True,
                    )
    print(json.dumps(compare(reports)))


if __name__ == "__main__":
    main()
