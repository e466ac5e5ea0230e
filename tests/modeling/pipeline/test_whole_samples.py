"""What a server's messages hold beside their texts becomes part of the stored responses."""

import json
from pathlib import Path

import pytest

from labeling.models import Comparison, Response
from modeling.models import Run
from modeling.pipeline.sampled_pairs import EarlyQueue
from modeling.runs import programs
from tests.modeling.loop_helpers import advance_one, execute, loop_project

pytestmark = pytest.mark.django_db(transaction=True)


def calls(number: int) -> dict:
    call = {"id": f"call-{number}", "function": {"name": "look", "arguments": f'"\x00{number}"'}}
    return {"tool_calls": [call]}


def test_answers_that_are_only_tool_calls_are_stored_apart_and_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = programs.RunningProgram.ending

    def with_calls(self: programs.RunningProgram) -> programs.ProgramEnding:
        found = ending(self)
        file = self.folder / "samples.jsonl"
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        rows = [row | {"text": "", "extra": calls(row["sample"])} for row in rows]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return found

    monkeypatch.setattr(programs.RunningProgram, "ending", with_calls)
    monkeypatch.setattr(EarlyQueue, "look", lambda _: None)  # they would be read before that
    run = execute(advance_one(loop_project(tmp_path, comparisons=3, queue_target=20)))
    assert run.state == Run.State.SUCCEEDED, run.error
    stored = Response.objects.filter(origin=Response.Origin.POLICY)
    said = {one.extra["tool_calls"][0]["function"]["arguments"] for one in stored}
    assert said >= {'"0"', '"1"'}, "without NUL, which PostgreSQL cannot store"
    assert Comparison.objects.filter(responses__in=stored).exists()
