"""An oracle's scores come from whatever the settings name, and from no project else."""

from typing import Any

import pytest

from labeling.models import Project
from modeling.demo.project import SLUG, SOURCE
from modeling.demo.world.oracle import score
from modeling.policies import gold
from modeling.policies.gold import Oracle
from modeling.run_data.rounds import GoldMeans
from tests.factories import make_project, make_prompt

pytestmark = pytest.mark.django_db
ASKED = [{"role": "user", "content": "How long?"}]
CHOSEN: list[str] = []  # slugs of the projects that have the oracle below


def length_oracle(project: Project) -> Oracle | None:
    return (lambda messages, text: float(len(text))) if project.slug in CHOSEN else None


@pytest.fixture
def project(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Of a world in which the longer response is the better one."""
    settings.ORACLES = f"{__name__}.length_oracle"
    project = make_project()
    monkeypatch.setitem(globals(), "CHOSEN", [project.slug])
    return project


def test_another_world_takes_a_name_in_the_settings(project: Project) -> None:
    oracle = gold.oracle_of(project)
    assert oracle is not None and oracle(ASKED, "four") == 4.0
    assert gold.oracle_of(make_project()) is None


def test_an_improvement_has_the_means_of_before_and_after(project: Project) -> None:
    rows = [
        {"prompt": ASKED, "before": [{"text": "a"}, {"text": "abc"}], "after": [{"text": "abcd"}]},
        {"prompt": ASKED, "before": [{"text": "ab"}], "after": [{"text": "ab"}]},
    ]
    assert gold.gold_of_improvement(project, rows) == GoldMeans(2.0, 3.0)


@pytest.mark.parametrize("before_and_after", [([], []), (["a"], []), ([], ["a"])])
def test_nothing_written_on_one_side_has_no_gold(
    project: Project, before_and_after: tuple[list[str], list[str]]
) -> None:
    """A mean of nothing is no figure, and one mean alone compares nothing."""
    before, after = ([{"text": text} for text in texts] for texts in before_and_after)
    row = {"prompt": ASKED, "before": before, "after": after}
    assert gold.gold_of_improvement(project, [row]) is None
    assert gold.gold_of_improvement(project, []) is None
    current, new = ({make_prompt(project).pk: texts} for texts in before_and_after)
    assert gold.gold_of_comparison(project, current, new) is None


def test_a_comparison_has_the_means_over_all_texts_of_each_policy(project: Project) -> None:
    one, other = make_prompt(project).pk, make_prompt(project).pk
    current = {one: ["a"], other: ["abc", "ab"]}
    assert gold.gold_of_comparison(project, current, {one: ["abcdef"]}) == GoldMeans(2.0, 6.0)


def test_a_project_without_an_oracle_reads_no_samples() -> None:
    """The rows are those of a file that may be large: they are not looked at in vain."""

    def rows() -> Any:
        raise AssertionError("read")
        yield

    assert gold.gold_of_improvement(make_project(), rows()) is None


def test_the_demo_is_known_by_its_name_and_its_prompts() -> None:
    """Somebody's own project may be called demo, and may hold prompts from anywhere."""
    demo, other = make_project(slug=SLUG), make_project()
    make_prompt(demo, source="mine")
    make_prompt(other, source=SOURCE)
    assert (gold.oracle_of(demo), gold.oracle_of(other)) == (None, None)
    make_prompt(demo, source=SOURCE)
    assert gold.oracle_of(demo) is score
