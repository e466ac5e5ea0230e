"""Commands of the learning side: what they refuse, in words, and what they do."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from modeling.management.commands import run_stage
from modeling.models import Policy, Run, versions
from modeling.runs import lifecycle
from tests.factories import make_project
from tests.modeling.loop_helpers import FAKE, advance_one, label, loop_project, model_folder
from tests.modeling.page_helpers import make_run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _fake_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    execute = run_stage.executing.execute
    fast: dict[str, Any] = {"package": FAKE, "beat_seconds": 0.02}
    monkeypatch.setattr(run_stage.executing, "execute", lambda pk: execute(pk, **fast))


def queued(tmp_path: Path, behaviour: str = "") -> Run:
    project = loop_project(tmp_path, behaviour=behaviour)
    label(project, 10)
    return advance_one(project)


def test_a_run_is_carried_out_in_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = queued(tmp_path)
    call_command("run_stage", run.pk)
    assert f"Run {run.pk} (train reward model): succeeded" in capsys.readouterr().out


def test_a_run_that_failed_says_why_and_is_tried_again_when_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = queued(tmp_path, "refuse")
    with pytest.raises(CommandError, match="The folder has no weights"):
        call_command("run_stage", run.pk)
    with pytest.raises(CommandError, match=f"Run {run.pk} is failed: only a queued run can"):
        call_command("run_stage", run.pk)
    (tmp_path / "policy" / "behaviour").write_text("")
    call_command("run_stage", run.pk, "--retry")
    assert capsys.readouterr().out.endswith("succeeded\n")
    with pytest.raises(CommandError, match="Only a run that failed or was cancelled"):
        call_command("run_stage", run.pk, "--retry")


def test_a_run_that_somebody_else_works_at_is_left_to_them(tmp_path: Path) -> None:
    run = queued(tmp_path)
    refused = pytest.raises(CommandError, match=f"Run {run.pk} is queued")
    with lifecycle.programs.sole_use(run.folder), refused:
        call_command("run_stage", run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempt) == (Run.State.QUEUED, 0)


def test_a_number_of_no_run_is_refused() -> None:
    with pytest.raises(CommandError, match="There is no run 99"):
        call_command("run_stage", 99)


def test_a_base_model_that_is_gone_is_said_before_anything_starts(tmp_path: Path) -> None:
    run = queued(tmp_path, "refuse")
    with pytest.raises(CommandError):
        call_command("run_stage", run.pk)
    shutil.rmtree(tmp_path / "policy")
    with pytest.raises(CommandError, match="The base model of this run cannot be used"):
        call_command("run_stage", run.pk, "--retry")
    run.refresh_from_db()
    assert run.state == Run.State.FAILED


def test_a_policy_is_only_registered_when_it_is_not_to_take_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(slug="here")
    location = str(model_folder(tmp_path / "p"))
    call_command("register_policy", "here", location, "--not-current", "--notes", "By us.")
    assert capsys.readouterr().out == f"p v1 of {project} is registered.\n"
    assert versions.loop_of(project).policy is None
    assert Policy.objects.get().notes == "By us."


def test_a_name_that_is_too_long_is_no_traceback(tmp_path: Path) -> None:
    make_project(slug="here")
    location = str(model_folder(tmp_path / "p"))
    with pytest.raises(CommandError, match=r"at most 120 are kept\. Give it a shorter one"):
        call_command("register_policy", "here", location, "--name", "n" * 200)
    assert not Policy.objects.exists()


def test_a_cancelled_run_ends_without_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = queued(tmp_path, "killed")
    Run.objects.filter(pk=run.pk).update(cancel_requested=True)
    call_command("run_stage", run.pk)
    assert f"Run {run.pk} (train reward model): cancelled" in capsys.readouterr().out


def test_a_run_of_another_state_is_not_touched() -> None:
    run = make_run(make_project(), Run.State.SUCCEEDED)
    with pytest.raises(CommandError, match="is succeeded"):
        call_command("run_stage", run.pk)
