"""One number of judgments: pages, the API and an export say the same of one project."""

import json
import random
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.judging.recording import Answer
from labeling.models import Judgment, Project, Role
from labeling.models.work import FlagCategory
from labeling.preferences import counts
from modeling.loop.rounds import advance
from modeling.models import Round
from tests.factories import (
    claim,
    client_with_token,
    judge,
    make_comparison,
    make_comparisons,
    make_member,
    make_project,
)

pytestmark = pytest.mark.django_db
CHOICES = ("left", "right", "tie", "both_bad", "skip", "flag")


def generated_project(seed: int) -> Project:
    """Everything that can be said of comparisons, some of it taken back, and checks among it."""
    rng = random.Random(seed)
    project = make_project(overlap=2, allow_both_bad=True, loop_enabled=True)
    make_comparisons(project, 8, wanted=2)
    advance(project)
    for _ in range(3):
        labeler = make_member(project)
        for _ in range(rng.randrange(2, 6)):
            assignment = claim(labeler, project)
            if assignment is not None:
                answer(assignment, rng.choice(CHOICES))
    Judgment.objects.filter(pk__in=Judgment.objects.order_by("?").values("pk")[:1]).update(
        superseded_at=Judgment.objects.earliest("pk").created_at
    )
    mark_as_check(project, Judgment.objects.filter(superseded_at=None).latest("pk"))
    make_comparison(project)
    return project


def answer(assignment: Any, choice: str) -> None:
    if choice != "flag":
        judge(assignment, choice)
        return
    flagged = Answer(kind=Judgment.Kind.FLAG, tiers=(), flag=FlagCategory.values[0])
    judge(assignment, flagged)


def mark_as_check(project: Project, judgment: Judgment) -> None:
    Judgment.objects.filter(pk=judgment.pk).update(purpose=Judgment.Purpose.REPEAT, is_surplus=True)


def numbers_on_pages(client: Client, project: Project) -> dict[str, int]:
    def read(name: str, pattern: str) -> list[str]:
        page = client.get(reverse(name, args=[project.slug])).content.decode()
        return re.findall(pattern, page, re.DOTALL)

    station = r'Judgments</span>\s*<strong class="station-value">([\d,]+)'
    stat = r'Judgments</dt><dd class="stat-value">([\d,]+)'
    row = r'data-name="Judgments"[^>]*>([\d,]+)'
    return {
        "loop": int(read("project", station)[0]),
        "curation": int(read("curation", stat)[0]),
        "rounds": sum(map(int, read("rounds", row))),
        "people": sum(map(int, read("members", row))),
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_place_counts_the_same_judgments(client: Client, seed: int) -> None:
    project = generated_project(seed)
    admin = make_member(project, Role.ADMIN)
    client.force_login(admin)
    number = counts.judgments(project).count()
    assert numbers_on_pages(client, project) == dict.fromkeys(
        ("loop", "curation", "rounds", "people"), number
    )
    program = client_with_token(admin)
    told = program.get(reverse("api-project", args=[project.slug])).json()["counts"]
    assert told["judgments"] == number
    export: Any = program.get(reverse("api-judgments", args=[project.slug]), {"format": "jsonl"})
    rows = [json.loads(line) for line in b"".join(export.streaming_content).splitlines()]
    kinds = [row["kind"] for row in rows]
    assert sum(kind in Judgment.ANSWERS for kind in kinds) == number
    assert kinds.count("skip") == told["skips"] and kinds.count("flag") == told["flags"]
    assert len(rows) == number + told["skips"] + told["flags"]
    assert Round.objects.filter(project=project).count() == 1
