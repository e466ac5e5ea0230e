"""Shows that an export trains in TRL unchanged: `python benchmarks/export_to_trl.py FILE.jsonl`.

The file goes through `datasets.load_dataset` into TRL's RewardTrainer and DPOTrainer, two steps
each, on a tiny random Llama. Needs trl and datasets (requirements-dev.txt); ends with one line of
JSON. Without a file, a small export is made of a project that is rolled back afterwards.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("HF_HUB_OFFLINE", "1")

ROWS = 64
STEPS = 2
ARGUMENTS: dict[str, Any] = {
    "max_steps": STEPS,
    "per_device_train_batch_size": 4,
    "logging_steps": 1,
    "report_to": "none",
    "save_strategy": "no",
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "max_length": 512,
    "dataloader_pin_memory": False,
    "disable_tqdm": True,
}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export = Path(sys.argv[1]) if len(sys.argv) > 1 else small_export(folder)
        print(json.dumps(train_on(export, folder)))


def small_export(folder: Path) -> Path:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ["DATA_DIR"] = str(folder / "data")
    import io

    import django

    django.setup()
    from django.core.management import call_command

    from labeling.importing import import_file
    from labeling.models import Project
    from labeling.preferences.exporting import ExportOptions, preference_rows
    from labeling.preferences.shapes.files import json_lines

    call_command("migrate", verbosity=0)
    project = Project.objects.create(slug="trl", name="TRL")
    triples = "".join(
        json.dumps({"prompt": f"What is {n} plus 1?", "chosen": f"It is {n + 1}.", "rejected": "?"})
        + "\n"
        for n in range(ROWS)
    )
    import_file(project, None, io.BytesIO(triples.encode()), name="sums")
    path = folder / "export.jsonl"
    path.write_bytes(b"".join(json_lines(preference_rows(project, ExportOptions()))))
    return path


def train_on(export: Path, folder: Path) -> dict[str, object]:
    """Loads the export and trains on it; a loss that is no number raises."""
    from datasets import load_dataset
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification
    from trl import DPOConfig, DPOTrainer, RewardConfig, RewardTrainer

    from tests.tiny_model import build_tiny_model, build_tiny_tokenizer

    os.environ["HF_DATASETS_CACHE"] = str(folder / "cache")
    rows = load_dataset(
        "json", data_files=str(export), split="train", cache_dir=str(folder / "cache")
    )
    model = str(build_tiny_model(folder / "model"))
    tokenizer = build_tiny_tokenizer()
    figures: dict[str, object] = {"rows": len(rows), "columns": rows.column_names}
    trainers = {
        "reward": lambda: RewardTrainer(
            model=AutoModelForSequenceClassification.from_pretrained(model, num_labels=1),
            args=RewardConfig(output_dir=str(folder / "reward"), **ARGUMENTS),
            train_dataset=rows,
            processing_class=tokenizer,
        ),
        "dpo": lambda: DPOTrainer(
            model=AutoModelForCausalLM.from_pretrained(model),
            args=DPOConfig(output_dir=str(folder / "dpo"), **ARGUMENTS),
            train_dataset=rows,
            processing_class=tokenizer,
        ),
    }
    for name, make in trainers.items():
        started = time.monotonic()
        result = make().train()
        if result.global_step != STEPS or not 0 < result.training_loss < 100:
            raise SystemExit(f"{name}: {result.global_step} steps, loss {result.training_loss}")
        figures[f"{name}_loss"] = round(result.training_loss, 4)
        figures[f"{name}_seconds"] = round(time.monotonic() - started, 1)
    return figures


if __name__ == "__main__":
    main()
