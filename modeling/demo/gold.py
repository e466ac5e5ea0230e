"""The demo project knows its truth: its oracle scores what its policies write.

The settings name `oracle_of` (ORACLES); modeling/policies/gold.py says what is done with it.
"""

from labeling.models import Project
from modeling.demo.project import SLUG, SOURCE
from modeling.demo.world.oracle import score
from modeling.policies.gold import Oracle


def is_demo(project: Project) -> bool:
    return project.slug == SLUG and project.prompts.filter(source=SOURCE).exists()


def oracle_of(project: Project) -> Oracle | None:
    """The demo world's oracle; None for every other project."""
    return score if is_demo(project) else None
