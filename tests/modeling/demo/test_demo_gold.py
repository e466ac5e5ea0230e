"""The demo's rounds say what its oracle thinks of a policy before and after its improvement."""

import json
from pathlib import Path

import pytest

from labeling.models import Project, Prompt
from modeling.demo.project import SLUG, SOURCE
from modeling.demo.world.oracle import score
from modeling.models import Round
from tests.modeling.improvement_helpers import improving_project, until_improvement
from tests.modeling.loop_helpers import execute

pytestmark = pytest.mark.django_db(transaction=True)

ASKED = [{"role": "user", "content": "What is the capital of France?"}]
RUDE, KIND = "Paris, obviously. Look it up yourself.", "The capital of France is Paris."


@pytest.mark.parametrize("is_demo", [True, False])
def test_an_improvement_tells_the_gold_of_its_held_out_samples(
    tmp_path: Path, is_demo: bool
) -> None:
    """So that a policy that takes over at once has a figure, too: nobody compares it blind."""
    project = improving_project(tmp_path)
    run = until_improvement(project)
    if is_demo:
        Prompt.objects.update(source=SOURCE)
        Project.objects.update(slug=SLUG)
    samples = {
        "id": "1",
        "prompt": ASKED,
        "before": [{"text": RUDE}, {"text": RUDE}],
        "after": [{"text": KIND}, {"text": RUDE}],
    }
    run.folder.mkdir(parents=True, exist_ok=True)
    (run.folder / "samples.jsonl").write_text(json.dumps(samples) + "\n")
    assert execute(run).state == "succeeded"
    gold = Round.objects.get(pk=run.round_id).results.get("gold")
    rude, kind = score(ASKED, RUDE), score(ASKED, KIND)
    assert rude < kind
    assert gold == ({"current": rude, "new": (rude + kind) / 2} if is_demo else None)
