"""The scorer in memory gives the rewards of a plain forward."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from modeling.core.loading.heads import save_heads, take_heads
from modeling.core.loading.reward_model import load_reward_model, save_model
from modeling.core.loading.saved_rewards import LoadedReward
from modeling.core.loading.scorer import Scorer
from modeling.core.program.errors import ProgramError
from modeling.core.reading.reader import Reader
from modeling.core.texts.text import render_text

PROMPTS = [
    (("user", "How do I keep basil fresh?"),),
    (("user", "مرحبا"), ("assistant", "Hi"), ("user", "Why?")),
]
TEXTS = [
    (PROMPTS[at % 2], response)
    for at, response in enumerate(["In water.", "", "No idea. " * 9, "In water."])
]


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    model, tokenizer, _ = load_reward_model(str(tiny_model), 0)
    save_model(model, tokenizer, tmp_path / "model", 128)
    return tmp_path / "model"


def test_rewards_are_those_of_a_plain_forward_in_the_order_of_the_texts(folder: Path) -> None:
    scorer = Scorer(str(folder), device="cpu", threads=1)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    expected = []
    for text in TEXTS:
        ids = tokenizer(
            render_text(tokenizer, *text), add_special_tokens=False, return_tensors="pt"
        )
        with torch.no_grad():
            expected.append(model(**ids).logits[0, 0].item())
    assert scorer.score(TEXTS) == pytest.approx(expected, abs=1e-4)
    assert scorer.score(TEXTS[2:3]) == pytest.approx(expected[2:3], abs=1e-4)


def test_it_tells_which_texts_are_longer_than_the_model_reads(
    folder: Path, tiny_model: Path, tmp_path: Path
) -> None:
    """The second model reads 16 tokens only: of these texts the shortest alone fits into them."""
    model, tokenizer, _ = load_reward_model(str(tiny_model), 0)
    save_model(model, tokenizer, tmp_path / "short", 16)
    texts = [((("user", "Hi"),), "Yes."), ((("user", "Hi"),), "No idea. " * 9)]
    assert Scorer(str(folder), device="cpu", threads=1).read(texts)[1] == [False, False]
    both = Scorer([str(folder), str(tmp_path / "short")], device="cpu", threads=1)
    assert both.read(texts)[1] == [False, True]


def test_what_does_not_fit_into_the_memory_is_read_in_smaller_passes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one prompt with five responses there is room for one text at a time; then for none."""
    texts = [(PROMPTS[0], f"In water {number}.") for number in range(5)]
    scorer = Scorer(str(folder), device="cpu", threads=1)
    expected = scorer.score(texts)
    whole, room, passes = Reader.member_rewards, 1, list[int]()

    def tight(reader: Reader, groups: Any) -> torch.Tensor:
        passes.append(sum(map(len, groups)))
        if passes[-1] > room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return whole(reader, groups)

    monkeypatch.setattr(Reader, "member_rewards", tight)
    assert scorer.score(texts) == pytest.approx(expected, abs=1e-5)
    assert passes == [5, 2, 1, 1, 3, 1, 2, 1, 1]
    room = 0
    with pytest.raises(torch.OutOfMemoryError):
        scorer.score(texts)


def test_several_models_are_one_scorer(folder: Path, tiny_model: Path, tmp_path: Path) -> None:
    """Worst case over two members: the lower of the two, text by text."""
    model, tokenizer, _ = load_reward_model(str(tiny_model), 1)
    other = tmp_path / "other"
    save_model(model, tokenizer, other, 128)
    sources = [str(folder), str(other)]
    alone = [Scorer(source, device="cpu", threads=1).score(TEXTS) for source in sources]
    lowest = Scorer(sources, device="cpu", threads=1, aggregate="wco")
    assert lowest.score(TEXTS) == pytest.approx([min(both) for both in zip(*alone, strict=True)])
    members = lowest.scores(TEXTS).members
    assert members.T.tolist() == [pytest.approx(rewards) for rewards in alone]


def test_models_that_read_alike_share_the_tokens_and_others_do_not(
    folder: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three models, the third with a chat template of its own: two rounds of tokenising, and each
    gives the rewards that it gives alone."""
    model, tokenizer, _ = load_reward_model(str(tiny_model), 1)
    save_model(model, tokenizer, tmp_path / "alike", 128)
    tokenizer.chat_template = "{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}"
    save_model(model, tokenizer, tmp_path / "other", 128)
    folders = [str(folder), str(tmp_path / "alike"), str(tmp_path / "other")]
    alone = [Scorer(one, device="cpu", threads=1).score(TEXTS) for one in folders]
    assert alone[1] != pytest.approx(alone[2], abs=1e-3), "the template tells them apart"
    scorer, encoded = Scorer(folders, device="cpu", threads=1), []
    plain = LoadedReward.encode

    def encode(one: LoadedReward, texts: Any) -> Any:
        encoded.append(one.source)
        return plain(one, texts)

    monkeypatch.setattr(LoadedReward, "encode", encode)
    scores = scorer.scores(TEXTS).members
    assert encoded == [folders[0], folders[2]]
    for at, rewards in enumerate(alone):
        assert scores[:, at].tolist() == pytest.approx(rewards, abs=1e-4)


def test_several_heads_give_their_mean_and_each_their_own(
    folder: Path, tiny_model: Path, tmp_path: Path
) -> None:
    """The plain folder holds the heads' mean, so whoever ignores the heads gets the same reward."""
    model, tokenizer, _ = load_reward_model(str(tiny_model), 3, heads=4)
    heads = take_heads(model, "score")
    assert heads["weight"].shape == (4, 32)
    save_model(model, tokenizer, tmp_path / "heads", 128)
    plain = Scorer(str(tmp_path / "heads"), device="cpu", threads=1)
    assert plain.scores(TEXTS).members.shape == (4, 1)
    save_heads(tmp_path / "heads", heads)
    several = Scorer(str(tmp_path / "heads"), device="cpu", threads=1)
    scores = several.scores(TEXTS)
    assert scores.members.shape == (4, 4)
    assert scores.spread().min() > 0
    assert several.score(TEXTS) == pytest.approx(plain.score(TEXTS), abs=1e-6)


def test_heads_of_another_model_are_refused(folder: Path) -> None:
    save_heads(folder, {"weight": torch.ones(3, 32)})
    with pytest.raises(ProgramError, match="does not fit"):
        Scorer(str(folder))
    (folder / "heads.safetensors").write_bytes(b"cut sho")
    with pytest.raises(ProgramError, match="does not fit"):
        Scorer(str(folder))


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match="There is no folder"):
        Scorer(str(tmp_path / "gone"))
