"""The lines on a reward model's page really run, and give the rewards that the product gives."""

import contextlib
import io
from pathlib import Path

import pytest
import torch
from datasets import Dataset

from modeling.core.loading.reward_model import load_reward_model, save_model
from modeling.core.loading.scorer import Scorer
from modeling.reward_models.using import uses_of
from tests.tiny_model import build_tiny_model

PROMPT = (("user", "How do I keep basil fresh?"),)
RESPONSE = "Stand it in a glass of water, like flowers."


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("policy"))


@pytest.fixture(scope="module")
def folders(policy: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two reward models with random heads, saved as a training saves them."""
    made = []
    for seed in (1, 2):
        folder = tmp_path_factory.mktemp("model")
        model, tokenizer, _ = load_reward_model(str(policy), seed)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            torch.nn.init.normal_(model.get_submodule("score").weight)
        save_model(model, tokenizer, folder, 512)
        made.append(folder)
    return made


def lines_of(name: str, folders: list[Path], *, is_plain: bool = True) -> str:
    members = [str(folder) for folder in folders]
    uses = uses_of(folder=members[0], members=members, is_plain=is_plain)
    return next(lines for short, _, lines in uses if short == name)


def printed(lines: str) -> float:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(lines, {})
    return float(out.getvalue())


def test_the_lines_for_transformers_give_the_reward(folders: list[Path]) -> None:
    expected = Scorer(str(folders[0])).score([(PROMPT, RESPONSE)])[0]
    assert abs(expected) > 0.01
    assert printed(lines_of("transformers", folders[:1])) == pytest.approx(expected, abs=1e-4)


def test_the_lines_for_our_loader_read_every_member(folders: list[Path]) -> None:
    members = [Scorer(str(folder)).score([(PROMPT, RESPONSE)])[0] for folder in folders]
    found = printed(lines_of("scorer", folders))
    assert found == pytest.approx(sum(members) / 2, abs=1e-4)


@pytest.mark.parametrize("is_plain", [True, False])
@pytest.mark.filterwarnings("ignore")  # of TRL's own
def test_the_lines_for_trl_reward_as_the_product_does(
    policy: Path, folders: list[Path], is_plain: bool, tmp_path: Path
) -> None:
    from trl import GRPOConfig

    lines = lines_of("trl", folders[:1], is_plain=is_plain).replace("your-policy", str(policy))
    # What a page cannot know: where the trainer writes, and that this is a small processor.
    lines = lines.replace("train_dataset=", "args=config, train_dataset=")
    config = GRPOConfig(
        output_dir=str(tmp_path), bf16=False, use_cpu=True, report_to=[], max_steps=1,
        per_device_train_batch_size=2, num_generations=2, max_completion_length=4,
    )  # fmt: skip
    prompts = Dataset.from_list([{"prompt": [{"role": "user", "content": PROMPT[0][1]}]}] * 4)
    names = {"config": config, "prompts": prompts}
    exec(lines, names)
    trainer = names["trainer"]
    trainer.train()
    messages = [{"role": "user", "content": PROMPT[0][1]}]
    rewards = trainer._calculate_rewards(
        [{"prompt": messages}], [messages], [[{"role": "assistant", "content": RESPONSE}]], [[0]]
    )
    expected = Scorer(str(folders[0])).score([(PROMPT, RESPONSE)])[0]
    assert rewards.item() == pytest.approx(expected, abs=1e-4)
