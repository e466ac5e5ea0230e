"""Plain functions that make rows for tests, and the fixed cast: owner, teammate, outsider."""

import itertools
from datetime import timedelta
from typing import Any

from django.utils import timezone

from labeling.handout import claim_next
from labeling.judging import Recorded, parse_choice, record_judgment
from labeling.material import add_comparison, add_prompt, add_response
from labeling.models import (
    Assignment,
    Comparison,
    GuidelineVersion,
    Membership,
    Project,
    Prompt,
    Response,
    Role,
    User,
)

_numbers = itertools.count(1)


def make_user(name: str | None = None, **fields: Any) -> User:
    name = name or f"user{next(_numbers)}"
    return User.objects.create_user(username=name, password=f"{name}-password", **fields)


def make_project(**settings: Any) -> Project:
    number = next(_numbers)
    settings.setdefault("slug", f"project-{number}")
    settings.setdefault("name", f"Project {number}")
    project = Project.objects.create(**settings)
    project.guidelines = GuidelineVersion.objects.create(
        project=project, number=1, text="Prefer the **helpful** response."
    )
    project.save()
    return project


def make_member(project: Project, role: str = Role.LABELER, name: str | None = None) -> User:
    user = make_user(name)
    Membership.objects.create(project=project, user=user, role=role)
    return user


def make_prompt(project: Project, text: str | None = None, **fields: Any) -> Prompt:
    text = text or f"What is {next(_numbers)} plus one?"
    prompt, _ = add_prompt(project, [{"role": "user", "content": text}], **fields)
    return prompt


def make_response(prompt: Prompt, text: str, **fields: Any) -> Response:
    fields.setdefault("origin", Response.Origin.IMPORTED)
    response, _ = add_response(prompt, text, **fields)
    return response


def make_comparison(
    project: Project, texts: tuple[str, ...] = ("Good.", "Bad."), **fields: Any
) -> Comparison:
    prompt = fields.pop("prompt", None) or make_prompt(project)
    responses = [make_response(prompt, text) for text in texts]
    comparison, _ = add_comparison(prompt, responses, **fields)
    assert comparison is not None
    return comparison


def make_comparisons(project: Project, count: int, **fields: Any) -> list[Comparison]:
    return [make_comparison(project, **fields) for _ in range(count)]


def judge(assignment: Assignment, choice: str) -> Recorded:
    """Answers as the page would: left, right, left-2, tie, both_bad, skip."""
    answer = parse_choice(choice, assignment.order)
    return record_judgment(assignment.uuid, assignment.labeler_id, answer)


def run_out(assignment: Assignment) -> Assignment:
    """As if its lease had run out a second ago."""
    past = timezone.now() - timedelta(seconds=1)
    Assignment.objects.filter(pk=assignment.pk).update(expires_at=past)
    assignment.refresh_from_db()
    return assignment


def claim_and_judge(labeler: User, project: Project, choice: str = "left") -> Recorded:
    assignment = claim_next(labeler.pk, project)
    assert assignment is not None, "there was nothing to compare"
    return judge(assignment, choice)


def judge_for(labeler: User, project: Project, text: str, strength: int | None = None) -> Recorded:
    """Claims the next comparison and prefers the response with this text."""
    assignment = claim_next(labeler.pk, project)
    assert assignment is not None and assignment.shown is not None
    left = assignment.shown[0].text == text
    choice = "left" if left else "right"
    return judge(assignment, f"{choice}-{strength}" if strength else choice)
