"""Train a reward model on preferences.

    python -m modeling.core.train_reward RUN_DIR

Reads RUN_DIR/config.json and preferences.jsonl; writes metrics.jsonl as it goes, checkpoint/, and
at the end model/, predictions.jsonl and result.json (formats: docs/learning-programs.md). Started
again on the same folder it goes on from its checkpoint and ends with the same bytes.

In short: Bradley-Terry loss on the difference of two fp32 rewards, AdamW, linear warm-up and
decay, early stop on the dev split with the best weights restored. A prompt and its responses are
read as one packed row, every token once, where the model allows it. Left out: LoRA, ensembles,
several GPUs, calibration.
"""

import shutil
import sys
import time
from typing import Any

import torch
import transformers

from modeling.core.reward_loop import score_everything, train
from modeling.core.reward_model import check_reload, save_model
from modeling.core.reward_report import metrics_of, summarise, write_predictions
from modeling.core.reward_setup import Training, prepare
from modeling.core.run_dir import RunDir, run_program


def main(run: RunDir) -> dict[str, Any]:
    started = time.monotonic()
    training = prepare(run)
    run.cancel_at_once = False  # from here on a cancelled run saves its checkpoint first
    loop = train(training)
    rewards = score_everything(training, loop)
    parity = save_checked(training, rewards)
    write_predictions(run.path / "predictions.jsonl", training.groups, rewards)
    figures, test = summarise(training.groups, rewards, training.config["seed"])
    if test is not None:
        run.log(loop.step, metrics_of("test", test))
    return figures | {
        "truncated": sum(text.truncated for texts in training.encoded for text in texts),
        "warnings": training.warnings,
        "config": training.config,
        "base_model": training.config["base_model"],
        "model_dir": "model",
        "data_sha256": training.data_sha256,
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "steps": loop.step,
        "best_step": loop.best_step or loop.step,
        "epochs_done": loop.epoch,
        "seconds": round(time.monotonic() - started, 2),
        "parity_max_error": parity,
    }


def save_checked(training: Training, rewards: list[list[float]]) -> float:
    """Write model/ and prove that it reloads to the same rewards. Returns the largest error."""
    folder, temporary = training.run.path / "model", training.run.path / "model.tmp"
    for old in (folder, temporary):
        shutil.rmtree(old, ignore_errors=True)
    texts = [text for group in training.groups for text in group.texts()]
    flat = [reward for group in rewards for reward in group]
    max_length = training.config["max_length"]
    try:
        save_model(training.model, training.tokenizer, temporary, max_length)
        error = check_reload(temporary, texts, flat, max_length, training.device)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    temporary.rename(folder)
    return error


if __name__ == "__main__":
    sys.exit(run_program(main, sys.argv[1:]))
