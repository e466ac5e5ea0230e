"""How each shape is called, what it is for, and the lines of code that load it."""

from dataclasses import dataclass

FILES = {"jsonl": "json", "jsonl.gz": "json", "csv": "csv", "csv.gz": "csv", "parquet": "parquet"}
DATASETS = """from datasets import load_dataset

rows = load_dataset("{kind}", data_files="{file}", split="train")"""
# A trainer that is given JSON in a text trains on it as if it were the response, without a word.
PARSED = """import json

{datasets}
parsed = [{names}]  # a cell of CSV holds these as JSON
rows = rows.map(lambda row: {{name: json.loads(row[name]) for name in parsed}})"""


@dataclass(frozen=True)
class Shape:
    """What a person is told of a style. `code` follows the lines that load the rows with
    `datasets`, or stands alone where it has a loader of its own. `nested` names the columns that
    hold lists."""

    title: str
    purpose: str
    code: str = ""
    loads_itself: bool = False
    nested: tuple[str, ...] = ()

    @property
    def language(self) -> str:
        return "Shell" if self.code.startswith("# in a shell") else "Python"

    def loading(self, file_name: str, file_format: str) -> str:
        """The lines that load a file of this name."""
        loader = DATASETS
        if self.nested and FILES[file_format] == "csv":
            names = ", ".join(f'"{name}"' for name in self.nested)
            loader = PARSED.format(datasets=DATASETS, names=names)
        lines = self.code if self.loads_itself else f"{loader}\n{self.code}".rstrip()
        for name, value in (("{kind}", FILES[file_format]), ("{file}", file_name)):
            lines = lines.replace(name, value)
        return lines


PAIR = ("prompt", "chosen", "rejected")
TRL_PAIRS = """
from trl import RewardTrainer  # or DPOTrainer

RewardTrainer(model="…", train_dataset=rows).train()"""

GROUPS: dict[str, dict[str, Shape]] = {
    "Pairs to train on": {
        "messages": Shape(
            "Messages",
            "Prompt, chosen and rejected as lists of messages.",
            TRL_PAIRS,
            nested=PAIR,
        ),
        "trl": Shape("TRL", "The same, under the name of the library.", TRL_PAIRS, nested=PAIR),
        "trl-implicit": Shape(
            "TRL, implicit prompt",
            "Chosen and rejected as whole conversations.",
            TRL_PAIRS,
            nested=("chosen", "rejected"),
        ),
        "trl-kto": Shape(
            "TRL KTO",
            "Each response by itself, with whether it is good: two rows for each preference.",
            """
from trl import KTOTrainer

KTOTrainer(model="…", train_dataset=rows).train()""",
            nested=("prompt", "completion"),
        ),
        "openrlhf": Shape(
            "OpenRLHF",
            "Chosen and rejected as whole conversations.",
            """# in a shell, without --prompt_key
# … --dataset {file} --apply_chat_template --chosen_key chosen --rejected_key rejected""",
            loads_itself=True,
        ),
        "nemo-rl": Shape(
            "NeMo RL",
            "A context and its completions with ranks.",
            """from nemo_rl.data.datasets.preference_datasets import PreferenceDataset

rows = PreferenceDataset("{file}")""",
            loads_itself=True,
        ),
        "tinker": Shape(
            "Tinker",
            "Comparisons A and B with a label, ties included.",
            """from tinker_cookbook.preference.preference_datasets import ComparisonBuilderFromJsonl

comparisons = ComparisonBuilderFromJsonl(train_path="{file}")""",
            loads_itself=True,
        ),
        "hh": Shape("HH-RLHF dialogues", "Chosen and rejected as dialogues in plain text."),
        "text": Shape("Plain texts", "Three texts; a conversation becomes one dialogue."),
    },
    "Prompts to sample from": {
        "verl": Shape(
            "verl",
            "One row for each prompt, with the keys that verl reads.",
            """# in a shell
# … data.train_files={file} data.prompt_key=prompt""",
            loads_itself=True,
        ),
        "skyrl": Shape(
            "SkyRL",
            "One row for each prompt, for an environment that you register as “preference”.",
            """# in a shell
# … data.train_data="['{file}']\"""",
            loads_itself=True,
        ),
        "areal": Shape(
            "AReaL",
            "One row for each prompt, with the messages that its workflows read.",
            """
rows.save_to_disk("prompts")  # train_dataset.path=prompts train_dataset.type=rl""",
            nested=("messages",),
        ),
    },
    "Opinions and all the rest": {
        "judgments": Shape(
            "Votes",
            "One row for each person's vote, under pseudonyms.",
            nested=PAIR,
        ),
        "rankings": Shape(
            "Rankings",
            "One row for each comparison: all its responses in tiers, best first.",
            nested=("prompt", "responses", "models", "tiers"),
        ),
        "argilla": Shape(
            "Argilla records",
            "Fields, each person's answer, and what they came to.",
            """import json

import argilla

with open("{file}") as lines:
    records = [argilla.Record.from_dict(json.loads(line)) for line in lines]""",
            loads_itself=True,
        ),
        "full": Shape(
            "Everything",
            "All columns, and each person's vote under a pseudonym.",
            nested=(*PAIR, "ids", "votes"),
        ),
    },
}

SHAPES = {style: shape for group in GROUPS.values() for style, shape in group.items()}
FILE_TITLES = {
    "jsonl": "JSON lines",
    "jsonl.gz": "JSON lines, packed",
    "csv": "CSV",
    "csv.gz": "CSV, packed",
    "parquet": "Parquet",
}


def file_stem(slug: str, style: str) -> str:
    """The name of an export's file without its ending; each shape has one of its own, so that none
    is written over another."""
    return f"{slug}-preferences-{style}"
