"""What goes wrong with a training, by the real program, as the run's page tells it: what was
wrong, what to do about it, and where."""

import contextlib
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from labeling.models import Preference, Role
from modeling.core.program.run_dir import run_program
from modeling.loop import rounds
from modeling.loop.run_outcomes import failure_of
from modeling.models import LoopSettings, Policy, RewardModel, Run, versions
from modeling.pipeline import executing
from modeling.runs import lifecycle, programs
from tests.factories import make_comparisons, make_member, make_project
from tests.modeling.improvement_helpers import improving_project, until_improvement
from tests.modeling.loop_helpers import advance_one, label
from tests.modeling.pages.loop.test_pages_loop import text_of
from tests.tiny_model import build_tiny_model

pytestmark = pytest.mark.django_db(transaction=True)


class Ended:
    """What is left of a process that is over."""

    pid = 0

    def __init__(self, code: int) -> None:
        self.code = code

    def wait(self, _seconds: float | None = None) -> int:
        return self.code

    def poll(self) -> int:
        return self.code


class InThisProcess(programs.RunningProgram):
    """The program itself, spared the seconds in which a child imports torch."""

    def __init__(self, stage: str, folder: Path, *, log: Path, **_: Any) -> None:
        self.stage, self.folder, self.log = stage, folder, log
        main = importlib.import_module(f"modeling.core.{stage}").main
        with log.open("a") as output, contextlib.redirect_stderr(output):
            self.process = Ended(run_program(main, [str(folder)]))  # type: ignore[assignment]


@pytest.fixture
def training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Queued: ten preferences, a real base model of two layers."""
    monkeypatch.setattr(executing, "RunningProgram", InThisProcess)
    base = build_tiny_model(tmp_path / "base")
    project = make_project(base_model=str(base), retrain_after=10, gold_share=0.0)
    make_comparisons(project, 12)
    label(project, 10)
    return advance_one(project)


def executed(run: Run, **config: Any) -> Run:
    Run.objects.filter(pk=run.pk).update(config=run.config | {"device": "cpu"} | config)
    executing.execute(run.pk, beat_seconds=0.02)
    run.refresh_from_db()
    return run


def page_of(run: Run, client: Client) -> Any:
    client.force_login(make_member(run.project, Role.ADMIN))
    return client.get(reverse("run", args=[run.pk]))


def explode(_base: Path) -> dict[str, Any]:
    return {"learning_rate": 1e9, "epochs": 10, "batch_size": 4}


def hold_everything_out(_base: Path) -> dict[str, Any]:
    return {}


def truncate(base: Path) -> dict[str, Any]:
    weights = base / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    return {}


def move_away(base: Path) -> dict[str, Any]:
    base.rename(base.with_name("elsewhere"))
    return {}


def lose_the_tokenizer(base: Path) -> dict[str, Any]:
    for path in base.glob("tokenizer*"):
        path.unlink()
    return {}


@pytest.mark.parametrize(
    ("spoil", "words", "hint", "where"),
    [
        (explode, "The loss", "Lower the learning rate", "step "),
        (truncate, "could not be read", "may be truncated", "base"),
        (move_away, "The folder of the base model is gone, or", "Put it back", "base"),
        (lose_the_tokenizer, "no tokenizer", "Save the tokenizer", "base"),
    ],
)
def test_a_failure_says_what_where_and_what_to_do(
    client: Client, training: Run, spoil: Callable[[Path], dict[str, Any]],
    words: str, hint: str, where: str,
) -> None:  # fmt: skip
    run = executed(training, **spoil(Path(training.config["base_model"])))
    assert run.state == Run.State.FAILED
    page = page_of(run, client)
    failure = failure_of(run)
    for told, expected in ((failure.words, words), (failure.hint, hint), (failure.where, where)):
        assert expected in told
        assert " ".join(told.split()) in text_of(page).replace("&#x27;", "'").replace("&quot;", '"')


def test_an_exploded_training_names_its_setting_and_can_begin_anew_with_another(
    client: Client, training: Run
) -> None:
    LoopSettings.objects.update(reward_learning_rate=1.0)  # the run began before that
    run = executed(training, **explode(Path()))
    page = page_of(run, client)
    url = reverse("project-loop-settings", args=[run.project.slug])
    assert f'<a href="{url}#id_reward_learning_rate">Learning rate</a>' in page.content.decode()
    assert "Train with the present settings</button>" in page.content.decode()
    LoopSettings.objects.update(reward_learning_rate=1e-4)
    client.post(reverse("train-now", args=[run.project.slug]))
    anew = Run.objects.filter(kind=Run.Kind.TRAIN_REWARD).latest("pk")
    assert (anew != run, anew.config["learning_rate"]) == (True, 1e-4)
    assert executed(anew).state == Run.State.SUCCEEDED


def test_a_failed_training_with_the_same_settings_is_not_begun_twice(
    client: Client, training: Run
) -> None:
    Run.objects.filter(pk=training.pk).update(state=Run.State.FAILED, error="Killed.")
    page = page_of(training, client).content.decode()
    assert "Try again</button>" in page
    assert "present settings" not in page
    started = client.post(reverse("train-now", args=[training.project.slug]), follow=True)
    assert f"Run {training.pk} on exactly these preferences and settings did not" in text_of(
        started
    )


def test_an_empty_train_split_is_named(client: Client, training: Run) -> None:
    Preference.objects.update(split="test", settled_at=timezone.now())
    lifecycle.request_cancel(training, None)
    client.force_login(make_member(training.project, Role.ADMIN))
    client.post(reverse("train-now", args=[training.project.slug]))
    run = executed(Run.objects.filter(kind=Run.Kind.TRAIN_REWARD).latest("pk"))
    assert (run.state, run == training) == (Run.State.FAILED, False)
    assert "the train split is empty" in text_of(page_of(run, client)).split("Log")[0]


def retrained(training: Run, client: Client) -> Run:
    """A training on the preferences as they are now, instead of the one that was queued."""
    lifecycle.request_cancel(training, None)
    client.force_login(make_member(training.project, Role.ADMIN))
    client.post(reverse("train-now", args=[training.project.slug]))
    run = Run.objects.filter(kind=Run.Kind.TRAIN_REWARD).latest("pk")
    assert run != training
    return executed(run, epochs=1)


def test_a_train_split_of_ties_alone_is_named(client: Client, training: Run) -> None:
    Preference.objects.update(target=0.5, split="train", settled_at=timezone.now())
    run = retrained(training, client)
    assert run.state == Run.State.FAILED
    shown = text_of(page_of(run, client)).split("Log")[0]
    assert "There is nothing to learn: every train comparison is a tie." in shown
    assert "Label comparisons in which one response is better." in shown


def test_a_tokenizer_without_pad_and_end_is_a_warning(client: Client, training: Run) -> None:
    base = Path(training.config["base_model"])
    settings = json.loads((base / "tokenizer_config.json").read_text())
    kept = {key: settings[key] for key in settings if key not in ("pad_token", "eos_token")}
    (base / "tokenizer_config.json").write_text(json.dumps(kept))
    run = executed(training, epochs=1)
    assert run.state == Run.State.SUCCEEDED, run.error
    shown = text_of(page_of(run, client))
    assert "The tokenizer has no end-of-text token" in shown
    assert "The tokenizer has no padding token of its own" in shown


def test_what_was_cut_off_is_counted_and_says_what_to_set(client: Client, training: Run) -> None:
    run = executed(training, epochs=1, max_length=8)
    assert run.state == Run.State.SUCCEEDED, run.error
    shown = text_of(page_of(run, client))
    assert "lost the beginning of their prompt" in shown
    assert "because only 8 tokens are read. Raise max_length" in shown


def test_a_cancelled_run_says_that_it_can_go_on(client: Client, training: Run) -> None:
    lifecycle.request_cancel(training, None)
    shown = text_of(page_of(training, client))
    assert "This run was cancelled. What it had done is kept: “Try again” goes on" in shown


def test_a_base_model_that_is_gone_starts_nothing_and_retries_nothing(
    client: Client, training: Run
) -> None:
    base = Path(training.config["base_model"])
    run = executed(training, **move_away(base))
    admin = make_member(run.project, Role.ADMIN)
    client.force_login(admin)
    retried = client.post(reverse("run-retry", args=[run.pk]), follow=True)
    assert "The base model of this run cannot be used. There is no folder" in text_of(retried)
    started = client.post(reverse("train-now", args=[run.project.slug]), follow=True)
    assert "The base model cannot be used. There is no folder" in text_of(started)
    assert "No reward model can be trained: the base model is not usable." in text_of(started)
    base.with_name("elsewhere").rename(base)
    lifecycle.retry(run, admin)
    assert executed(run).state == Run.State.SUCCEEDED


def test_a_reward_that_is_no_number_is_named_on_the_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    """The policy stays in service; run and round say what the reward model did, and on what."""
    project = improving_project(tmp_path)
    run = until_improvement(project)
    policy = build_tiny_model(tmp_path / "real policy")
    Policy.objects.filter(pk=run.policy_id).update(location=str(policy))
    broken = AutoModelForSequenceClassification.from_pretrained(policy, num_labels=1)
    torch.nn.init.constant_(broken.score.weight, 3e38)  # a finite number, and no reward is
    folder = RewardModel.objects.get(project=project).path
    broken.save_pretrained(folder)
    AutoTokenizer.from_pretrained(policy).save_pretrained(folder)
    monkeypatch.setattr(executing, "RunningProgram", InThisProcess)
    executing.execute(run.pk, beat_seconds=0.02)
    run.refresh_from_db()
    assert run.state == Run.State.FAILED
    said = "The reward model gives a reward that is not a finite number."
    assert said in text_of(page_of(run, client))
    rounds.advance(project)
    page = client.get(reverse("rounds", args=[project.slug]))
    assert f"The improvement failed. {said}" in text_of(page)
    assert versions.loop_of(project).policy == run.policy


def test_a_checkpoint_truncated_on_disk_costs_time_and_no_run(
    client: Client, training: Run
) -> None:
    """What an attempt left is cut short by a crash of the machine: the next one begins anew, says
    so in the log of the run's page, and ends as it would have without."""
    (training.folder / "checkpoint").mkdir(parents=True)
    state = training.folder / "checkpoint" / "state.pt"
    torch.save({"model": torch.zeros(10_000)}, state)
    state.write_bytes(state.read_bytes()[:5000])
    run = executed(training)
    assert run.state == Run.State.SUCCEEDED, run.error
    said = "The checkpoint cannot be read: training starts again from step 0."
    assert said in text_of(page_of(run, client))
