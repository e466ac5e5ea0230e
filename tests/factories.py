"""Plain functions that make rows for tests, and the fixed cast: owner, teammate, outsider."""

import itertools
import threading
from collections.abc import Mapping, Sequence
from copy import copy
from datetime import timedelta
from typing import Any

from django.db.models import F, Q
from django.test import Client
from django.utils import timezone

from labeling.judging.modes import parse_choice
from labeling.judging.recording import Answer, Recorded, submit_and_claim
from labeling.material.adding import Adding, NewPrompt, responses_key
from labeling.models import (
    Assignment,
    Comparison,
    Gold,
    GuidelineVersion,
    Membership,
    Project,
    Prompt,
    Response,
    Role,
    Scope,
    User,
)
from labeling.people.signing_in.tokens import make_token
from labeling.quality.gold_release import release
from labeling.queue.handout import current_or_next, shown_responses
from labeling.queue.leases import release_lease
from modeling.models import LoopSettings
from modeling.settings import SETTINGS

_numbers = itertools.count(1)
LOOP_SETTINGS = set(SETTINGS)


def make_user(name: str | None = None, **fields: Any) -> User:
    name = name or f"user{next(_numbers)}"
    return User.objects.create_user(username=name, password=f"{name}-password", **fields)


def client_with_token(user: User, *scopes: Scope, **token: Any) -> Client:
    """A program of this person; without `scopes` its token may do everything."""
    _token, key = make_token(user, "A program", scopes or tuple(Scope), **token)
    return Client(headers={"authorization": f"Token {key}"})


def make_project(**settings: Any) -> Project:
    number = next(_numbers)
    settings.setdefault("slug", f"project-{number}")
    settings.setdefault("name", f"Project {number}")
    learning = {name: settings.pop(name) for name in LOOP_SETTINGS & set(settings)}
    project = Project.objects.create(**settings)
    set_loop(project, **learning)
    project.guidelines = GuidelineVersion.objects.create(
        project=project, number=1, text="Prefer the **helpful** response."
    )
    project.save()
    return project


def set_loop(project: Project, **settings: Any) -> None:
    """Has the loop told so, without a word in the audit log."""
    if settings:
        LoopSettings.objects.filter(project=project).update(**settings)
    project.loop_settings.refresh_from_db()


def make_member(project: Project, role: str = Role.LABELER, name: str | None = None) -> User:
    user = make_user(name)
    Membership.objects.create(project=project, user=user, role=role)
    return user


def make_prompt(
    project: Project,
    text: str | None = None,
    *,
    messages: Sequence[Mapping[str, Any]] = (),
    **fields: Any,
) -> Prompt:
    text = text or f"What is {next(_numbers)} plus one?"
    messages = messages or [{"role": "user", "content": text}]
    return Adding(project).add_prompt(NewPrompt(messages, **fields))


def make_response(prompt: Prompt, text: str, **fields: Any) -> Response:
    fields.setdefault("origin", Response.Origin.IMPORTED)
    return Adding(prompt.project).add_response(prompt, text, **fields)


def make_comparison(
    project: Project, texts: tuple[str, ...] = ("Good.", "Bad."), **fields: Any
) -> Comparison:
    prompt = fields.pop("prompt", None) or make_prompt(project)
    return queue(*(make_response(prompt, text) for text in texts), **fields)


def queue(
    *responses: Response,
    wanted: int | None = None,
    priority: float = 0.0,
    round_number: int | None = None,
) -> Comparison:
    """These responses to one prompt, for people to compare. With `wanted`, as if the project had
    asked for so many judgments when it was queued."""
    prompt = responses[0].prompt
    project = copy(prompt.project)
    project.overlap = project.overlap if wanted is None else wanted
    ids = [response.pk for response in responses]
    name = (prompt.pk, responses_key(ids))
    added = Adding(project).queue_comparisons(
        {name: ids}, priorities=[priority], round_number=round_number
    )
    return Comparison.objects.get(pk=added.ids[name])


def make_comparisons(project: Project, count: int, **fields: Any) -> list[Comparison]:
    return [make_comparison(project, **fields) for _ in range(count)]


def claim(
    labeler: User, project: Project, on_screen: Assignment | None = None
) -> Assignment | None:
    """What the page shows this labeler: what they hold, or the next comparison; with `on_screen`,
    the one after that."""
    return current_or_next(labeler, project, on_screen.uuid if on_screen else None)


def submit(assignment: Assignment, choice: str | Answer) -> tuple[Recorded, Assignment | None]:
    """Answers as the page would (left, right, left-2, tie, both_bad, skip); with what is shown
    next."""
    answer = parse_choice(choice, assignment.order) if isinstance(choice, str) else choice
    return submit_and_claim(assignment.uuid, assignment.labeler_id, answer)


def judge(assignment: Assignment, choice: str | Answer) -> Recorded:
    """As `submit`, and the labeler leaves: what came with it is free again."""
    recorded, following = submit(assignment, choice)
    if following is not None and recorded.locked.other_lease_id is None:
        _give_back(following)
    return recorded


def _give_back(following: Assignment) -> None:
    """As if it had not been handed out: what nobody had before is fresh again, since what waits
    comes before it. In two statements, where the page's own door takes six times as many; beside
    other threads only that one is safe."""
    before = Q(judgments__isnull=False) | ~Q(pk=following.pk)
    history = Assignment.objects.filter(before, comparison=following.comparison_id)
    if following.purpose != Assignment.Purpose.WORK or history.exists():
        release_lease(following.uuid, following.labeler_id)
        return
    own = Assignment.objects.filter(pk=following.pk)
    if threading.current_thread() is not threading.main_thread():
        release_lease(following.uuid, following.labeler_id)
        own.filter(state=Assignment.State.RELEASED, judgments__isnull=True).delete()
        return
    own._raw_delete("default")  # nothing points to it
    Comparison.objects.filter(pk=following.comparison_id).update(
        slots_left=F("slots_left") + 1, waiting_since=None, arm=""
    )


def run_out(assignment: Assignment) -> Assignment:
    """As if its lease had run out a second ago."""
    past = timezone.now() - timedelta(seconds=1)
    Assignment.objects.filter(pk=assignment.pk).update(expires_at=past)
    assignment.refresh_from_db()
    return assignment


def claim_and_judge(labeler: User, project: Project, choice: str = "left") -> Recorded:
    assignment = claim(labeler, project)
    assert assignment is not None, "there was nothing to compare"
    return judge(assignment, choice)


def judge_for(labeler: User, project: Project, text: str, strength: int | None = None) -> Recorded:
    """Claims the next comparison and prefers the response with this text."""
    assignment = claim(labeler, project)
    assert assignment is not None, "there was nothing to compare"
    left = shown_responses(assignment)[0].text == text
    choice = "left" if left else "right"
    return judge(assignment, f"{choice}-{strength}" if strength else choice)


def release_all(project: Project, golds: list[Gold]) -> list[Gold]:
    """As a curator does who has looked at them."""
    release(project, make_member(project, Role.CURATOR), [gold.pk for gold in golds])
    for gold in golds:
        gold.refresh_from_db()
    return golds
