"""The guard's limits hold within a run too: what goes beyond them is not trained to the end."""

from pathlib import Path

import pytest

from labeling.models import Project
from modeling.models import Policy, versions
from modeling.policies import improving
from tests.factories import make_project
from tests.modeling.improvement_helpers import improving_project, until_improvement

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_run_is_told_the_guards_limits(tmp_path: Path) -> None:
    told = until_improvement(improving_project(tmp_path)).config["train_policy"]
    assert (told["length_ratio"], told["variance_ratio"]) == (1.5, 2.0)
    assert told["length_start"] is None, "the first policy begins as it is"


def version(project: Project, parent: Policy | None, lengths: tuple[float, float]) -> Policy:
    return Policy.objects.create(
        project=project,
        version=versions.next_version(project.policies.all()),
        name="p",
        location="org/p",
        parent=parent,
        results=dict(zip(("length_before", "length_after"), lengths, strict=True)),
    )


def test_the_length_counts_from_where_the_guard_began_to_look() -> None:
    """As the guard itself has it, over all versions; from anew where an admin has resumed."""
    project = make_project(improvement="rloo")
    second = version(project, None, (20.0, 28.0))
    third = version(project, second, (28.0, 29.0))

    def length_start() -> float | None:
        return improving.train_policy_asked(project, third).length_start

    assert length_start() == 20.0
    loop = versions.loop_of(project)
    loop.guarded_from = second.version
    loop.save()
    assert length_start() == 28.0
    loop.guarded_from = third.version
    loop.save()
    assert length_start() is None
