"""One tiny model for the whole session, and its tokenizer."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported

from pathlib import Path

import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedTokenizerBase,
)

from tests.tiny_model import build_tiny_model


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def tiny_reward_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with a random head: its rewards differ, and that is all that is needed."""
    folder = tmp_path_factory.mktemp("reward") / "model"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForSequenceClassification.from_pretrained(tiny_model, num_labels=1)
        torch.nn.init.normal_(model.score.weight)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(folder)
    return folder


@pytest.fixture
def tokenizer(tiny_model: Path) -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(tiny_model)


@pytest.fixture(autouse=True)
def _servers_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where `manage.py up` serves one machine: the doubles listen on loopback."""
    monkeypatch.setenv("POLICY_PRIVATE_HOSTS", "localhost")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
