"""Labelers in two tabs each, curators, admins and the sweeps, all at the same moment on a few
comparisons: nobody meets an error, every acknowledged answer is stored as it was sent, and the
rules of the queue hold when all have stopped."""

import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from labeling.curation import set_aside
from labeling.judging import correcting, modes, recording
from labeling.models import (
    Assignment,
    AuditEntry,
    Gold,
    Judgment,
    Membership,
    Preference,
    Project,
    Role,
    User,
)
from labeling.people import members
from labeling.preferences.resettling import resettle_pending
from labeling.projects import editing
from labeling.quality import exclusion, gold
from labeling.queue import handout, leases
from tests.factories import (
    make_comparison,
    make_comparisons,
    make_member,
    make_project,
    make_prompt,
    make_user,
)
from tests.labeling.at_once.test_queue_machine_people import Everything
from tests.labeling.at_once.test_races import in_threads

pytestmark = pytest.mark.django_db(transaction=True)
STEPS = int(os.environ.get("STEPS", "40"))
REFUSED = (
    recording.CannotUndo,
    recording.NoMember,
    correcting.CannotCorrect,
    members.MembersError,
    Membership.DoesNotExist,
)


@pytest.fixture(autouse=True)
def switching_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@dataclass
class Scene:
    project: Project
    labelers: list[User]
    admins: list[User]
    sent: list[tuple[int, int, list[list[int]], str]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def membership(self, chance: random.Random) -> Membership:
        return Membership.objects.get(project=self.project, user=chance.choice(self.labelers))

    def fresh(self) -> Project:
        return Project.objects.get(pk=self.project.pk)


def tab(scene: Scene, user: User, chance: random.Random) -> None:
    """One of a labeler's windows: mostly answers."""
    held = handout.current_or_next(user, scene.fresh())
    draw = chance.random()
    if draw < 0.1:
        recording.undo_last(user, scene.fresh())
    elif draw < 0.2:
        mine = list(correcting.own_judgments(user, scene.project)[:3])
        if mine:
            judgment = chance.choice(mine)
            answer = modes.parse_choice(chance.choice(["left", "tie"]), judgment.order)
            recorded = correcting.correct(judgment.pk, user, answer)
            note(scene, user, recorded, answer)
    elif held is None:
        old = Assignment.objects.filter(labeler=user, state__in=["expired", "released"]).first()
        if old is not None:
            submit(scene, user, old, chance)
    elif draw < 0.3:
        leases.renew_lease(held.uuid, user.pk)
        handout.current_or_next(user, scene.fresh(), held.uuid)
    elif draw < 0.4:
        leases.let_go([held.uuid], user.pk, timedelta(0))
    else:
        submit(scene, user, held, chance)


def submit(scene: Scene, user: User, held: Assignment, chance: random.Random) -> None:
    choice = chance.choice(["left", "right", "right", "tie", "both_bad", "skip"])
    answer = modes.parse_choice(choice, held.order)
    if answer.tiers and chance.random() < 0.3:
        answer = replace(answer, rewrite=chance.choice(["Better.", "Best of all."]))
    elif chance.random() < 0.05:
        answer = recording.Answer("flag", flag="other")
    recorded, _ = recording.submit_and_claim(held.uuid, user.pk, answer)
    note(scene, user, recorded, answer)


def note(scene: Scene, user: User, recorded: recording.Recorded, answer: recording.Answer) -> None:
    if recorded.is_new:
        tiers = [list(tier) for tier in answer.tiers]
        scene.sent.append((recorded.judgment.pk, user.pk, tiers, answer.kind))


def curate(scene: Scene, admin: User, chance: random.Random) -> None:
    """One thing that a curator, an admin or a sweep does."""
    project, member = scene.project, scene.membership
    draw = chance.randrange(14)
    if draw == 0:
        exclusion.take_out(member(chance), admin, "tries everything")
        scene.done.append("take judgments out")
    elif draw in (1, 2):
        membership = member(chance)
        exclusion.bring_back(membership, admin)
        scene.done.append("bring judgments back")
        members.change_member(membership, admin, is_paused=False)
    elif draw == 3:
        exclusion.reassign(member(chance), admin)
    elif draw == 4:
        members.change_member(member(chance), admin, is_paused=chance.random() < 0.3)
    elif draw == 5:
        membership = member(chance)
        members.remove_member(membership, admin)
        with suppress(Exception):  # another has invited them already
            Membership.objects.create(project=project, user=membership.user)
    elif draw == 6:
        weight = chance.choice([0.3, 0.7, 1.0])
        Membership.objects.filter(pk=member(chance).pk).update(
            reliability=weight, resettle_since=timezone.now()
        )
        resettle_pending(project)
    elif draw == 7:
        Assignment.objects.filter(project=project, state="leased").update(expires_at=timezone.now())
        leases.expire_leases()
    elif draw == 8:
        held = Assignment.objects.filter(project=project, state="leased").first()
        if held is not None:
            set_aside.set_aside(held, "cannot be shown")
    elif draw in (9, 10):
        for comparison in set_aside.set_aside_in(project)[:2]:
            if set_aside.hand_out_again(project, admin, comparison.pk):
                scene.done.append("restore")
    elif draw == 11:
        scene.done += ["make gold"] * gold.approve(
            project, admin, list(gold.candidates(project).values_list("pk", flat=True))
        )
    elif draw == 12:
        for one in Gold.objects.filter(project=project, retired_at=None)[:1]:
            if gold.retire(one, admin):
                scene.done.append("retire gold")
    else:
        adaptive, overlap = chance.random() < 0.5, chance.choice([1, 2, 3])
        editing.change_settings(
            scene.fresh(), admin, {"adaptive_overlap": adaptive, "overlap": overlap}
        )


def worker(scene: Scene, step: Callable[..., None], user: User, seed: int) -> Callable[[], None]:
    def run() -> None:
        chance = random.Random(seed)
        for _ in range(STEPS):
            with suppress(*REFUSED):
                step(scene, user, chance)

    return run


@pytest.mark.timeout(600)
def test_everything_at_once_leaves_answers_queue_and_log_as_they_should_be() -> None:
    project = make_project(
        overlap=2, overlap_cap=4, gold_share=0.2, gold_mark=0.3, gold_minimum=3,
        repeat_share=0.5, repeat_after_hours=0, correction_minutes=60,
    )  # fmt: skip
    prompt = make_prompt(project)
    for other in ("Bad.", "Poor."):
        make_comparison(project, ("Good.", other), prompt=prompt)
    make_comparisons(project, 2)
    labelers = [make_member(project) for _ in range(3)] + [make_user(is_superuser=True)]
    admins = [make_member(project, role=Role.ADMIN) for _ in range(2)]
    scene = Scene(project, labelers, admins)
    seed = int(os.environ.get("SEED", "0"))
    jobs = [worker(scene, tab, user, seed + n) for n, user in enumerate([*labelers, *labelers])]
    jobs += [worker(scene, curate, user, seed + 100 + n) for n, user in enumerate(admins)]
    in_threads(*jobs)
    check(scene)


def check(scene: Scene) -> None:
    machine: Any = Everything()
    machine.project = scene.project
    machine.every_rule_holds()
    machine.rewrites_are_preferred_as_long_as_a_judgment_stands_for_them()
    assert not Membership.objects.filter(resettle_since__isnull=False).exists()
    assert len(scene.sent) == len({pk for pk, *_ in scene.sent}) == Judgment.objects.count()
    stored = {judgment.pk: judgment for judgment in Judgment.objects.all()}
    for pk, labeler, tiers, kind in scene.sent:
        judgment = stored[pk]
        assert (judgment.labeler_id, judgment.tiers, judgment.kind) == (labeler, tiers, kind)
    logged = Counter(AuditEntry.objects.values_list("action", flat=True))
    for action, times in Counter(scene.done).items():
        assert logged[action] == times, action
    assert Preference.objects.exists()
