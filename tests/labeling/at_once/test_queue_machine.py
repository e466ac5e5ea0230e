"""Everything that people can do to comparisons, in any order: the rules of
labeling/preferences/slots.py hold after every step, and no answer is ever refused."""

import os
from contextlib import suppress
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from labeling.curation import flags
from labeling.judging import correcting
from labeling.judging.correcting import CannotCorrect
from labeling.judging.modes import parse_choice
from labeling.judging.recording import (
    Answer,
    CannotUndo,
    Recorded,
    submit_and_claim,
    undo_answer_to,
    undo_last,
)
from labeling.models import Assignment, Comparison, Judgment, Membership, Project, User
from labeling.people.members import MembersError
from labeling.preferences.resettling import resettle_pending
from labeling.preferences.settling import counted_judgments, draw_up
from labeling.preferences.slots import taken_slots
from labeling.projects import editing
from labeling.quality import exclusion
from labeling.queue import handout, leases
from tests.factories import claim, make_comparisons, make_member, make_project

PEOPLE = 5
people = st.integers(0, PEOPLE - 1)
choices = st.sampled_from(["left", "right", "tie", "both_bad", "skip", "flag"])
numbers = st.integers(0, 30)


def answer_of(choice: str, order: list[int]) -> Answer:
    return Answer("flag", flag="other") if choice == "flag" else parse_choice(choice, order)


class Queue(RuleBasedStateMachine):
    """One project with two comparisons, five labelers and an admin."""

    project: Project

    def __init__(self) -> None:
        super().__init__()
        self.said: dict[int, tuple[Any, ...]] = {}

    def note(self, recorded: Recorded) -> None:
        """What the machine was told is saved, to be looked for ever after."""
        judgment = recorded.judgment
        self.said[judgment.pk] = (judgment.labeler_id, str(judgment.kind), judgment.tiers)

    @initialize(overlap=st.integers(1, 3), adaptive=st.booleans())
    def begin(self, overlap: int, adaptive: bool) -> None:
        self.project = make_project(
            overlap=overlap,
            adaptive_overlap=adaptive,
            overlap_cap=4,
            gold_share=0,
            correction_minutes=60,
        )
        make_comparisons(self.project, 2)
        self.labelers = [make_member(self.project) for _ in range(PEOPLE)]
        self.admin = make_member(self.project, role="admin")

    def assignments(self, **fields: Any) -> list[Assignment]:
        return list(Assignment.objects.filter(project=self.project, **fields).order_by("pk"))

    def membership(self, who: int) -> Membership:
        return Membership.objects.get(project=self.project, user=self.labelers[who])

    @rule(who=people)
    def claim(self, who: int) -> None:
        handout.current_or_next(self.labelers[who], Project.objects.get(pk=self.project.pk))

    @rule(who=people)
    def claim_ahead(self, who: int) -> None:
        """As a page does while its comparison is read."""
        if held := self.assignments(state="leased", labeler=self.labelers[who]):
            project = Project.objects.get(pk=self.project.pk)
            following = handout.current_or_next(self.labelers[who], project, held[0].uuid)
            assert following is None or following.pk != held[0].pk
            assert len(self.assignments(state="leased", labeler=self.labelers[who])) <= 2

    @rule(which=numbers, choice=choices)
    def answer(self, which: int, choice: str) -> None:
        """Whoever has or had a comparison answers, in time or late."""
        if not (had := self.assignments(state__in=["leased", "expired", "released"])):
            return
        assignment = had[which % len(had)]
        answer = answer_of(choice, assignment.order)
        recorded, _ = submit_and_claim(assignment.uuid, assignment.labeler_id, answer)
        self.note(recorded)
        assert recorded.is_new
        assert recorded.judgment.assignment_id == assignment.pk
        assert recorded.judgment.labeler_id == assignment.labeler_id

    @rule(which=numbers, choice=choices)
    def answer_again(self, which: int, choice: str) -> None:
        if done := self.assignments(state__in=["judged", "skipped"]):
            assignment = done[which % len(done)]
            answer = answer_of(choice, assignment.order)
            recorded, _ = submit_and_claim(assignment.uuid, assignment.labeler_id, answer)
            assert not recorded.is_new

    @rule(who=people)
    def undo(self, who: int) -> None:
        with suppress(CannotUndo):
            undo_last(self.labelers[who], self.project)

    @rule(which=numbers)
    def undo_one(self, which: int) -> None:
        """As a page does whose answer may have arrived: that one, or none."""
        if had := self.assignments():
            assignment = had[which % len(had)]
            with suppress(CannotUndo):
                undo_answer_to(assignment.uuid, assignment.labeler, self.project)

    @rule(which=numbers, choice=choices)
    def correct(self, which: int, choice: str) -> None:
        standing = Judgment.objects.filter(project=self.project, superseded_at=None).order_by("pk")
        if judgments := list(standing):
            judgment = judgments[which % len(judgments)]
            answer = answer_of(choice, judgment.order)
            with suppress(CannotCorrect):
                self.note(correcting.correct(judgment.pk, judgment.labeler, answer))

    @rule(which=numbers)
    def expire(self, which: int) -> None:
        if held := self.assignments(state="leased"):
            late = held[which % len(held)]
            Assignment.objects.filter(pk=late.pk).update(expires_at=timezone.now())
            leases.expire_leases()

    @rule(which=numbers)
    def renew(self, which: int) -> None:
        if had := self.assignments():
            leases.renew_lease(had[which % len(had)].uuid, had[which % len(had)].labeler_id)

    @rule(which=numbers)
    def release(self, which: int) -> None:
        if had := self.assignments():
            leases.release_lease(had[which % len(had)].uuid, had[which % len(had)].labeler_id)

    @rule(who=people)
    def take_out(self, who: int) -> None:
        with suppress(MembersError):
            exclusion.take_out(self.membership(who), self.admin, "tries every order")

    @rule(who=people, goes_on=st.booleans())
    def bring_back(self, who: int, goes_on: bool) -> None:
        with suppress(MembersError):
            exclusion.bring_back(self.membership(who), self.admin)
        if goes_on:
            Membership.objects.filter(pk=self.membership(who).pk).update(is_paused=False)

    @rule(who=people, weight=st.sampled_from([0.3, 0.7, 1.0]))
    def weigh(self, who: int, weight: float) -> None:
        Membership.objects.filter(pk=self.membership(who).pk).update(
            reliability=weight, resettle_since=timezone.now()
        )
        resettle_pending(self.project)

    @rule(overlap=st.integers(1, 4))
    def change_overlap(self, overlap: int) -> None:
        editing.change_settings(self.project, self.admin, {"overlap": overlap})

    @rule(which=st.integers(0, 5))
    def withdraw(self, which: int) -> None:
        comparisons = list(self.project.comparisons.order_by("pk"))
        if which < len(comparisons):
            flags.withdraw_comparison(self.project, self.admin, comparisons[which].pk)

    @invariant()
    def every_rule_holds(self) -> None:
        if not hasattr(self, "project"):
            return
        comparisons = self.comparisons()
        standing = taken_slots(self.project.pk, [comparison.pk for comparison in comparisons])
        for comparison in comparisons:
            stands = standing[comparison.pk]
            state = f"{comparison.state}, wanted {comparison.wanted}, {stands}"
            if comparison.state == Comparison.State.OPEN:
                assert comparison.slots_left == stands.slots(comparison.wanted), state
                assert comparison.slots_left or stands.held, f"stands still: {state}"
                assert not self.settled(comparison), state
            elif comparison.state == Comparison.State.FINISHED:
                assert not stands.held, state
                assert stands.counted, state
                assert self.settled(comparison) == self.drawn_up(comparison), state
            else:
                assert comparison.slots_left == 0

    @invariant()
    def no_answer_is_lost(self) -> None:
        """Each stands as it was given, or was taken back or corrected; nothing changes it."""
        if not hasattr(self, "project"):
            return
        rows = Judgment.objects.filter(project=self.project)
        values = rows.values_list("pk", "labeler_id", "kind", "tiers")
        assert {pk: tuple(rest) for pk, *rest in values} == self.said
        standing = list(rows.filter(superseded_at=None).values_list("assignment_id", flat=True))
        answered = [one.pk for one in self.assignments(state__in=["judged", "skipped"])]
        assert sorted(standing) == sorted(answered)

    def comparisons(self) -> list[Comparison]:
        """Those that people are asked about."""
        return list(self.project.comparisons.select_related("prompt"))

    def settled(self, comparison: Comparison) -> list[tuple[Any, ...]]:
        rows = comparison.preferences.filter(settled_at__isnull=False)
        return sorted(
            rows.values_list("chosen_id", "kind", "votes_chosen", "votes_rejected", "votes_tie")
        )

    def drawn_up(self, comparison: Comparison) -> list[tuple[Any, ...]]:
        drawn = draw_up(comparison, counted_judgments(comparison), timezone.now())
        return sorted(
            (p.chosen_id, str(p.kind), p.votes_chosen, p.votes_rejected, p.votes_tie) for p in drawn
        )


@pytest.mark.django_db
@pytest.mark.timeout(600)
def test_no_order_of_events_breaks_a_rule_of_the_queue() -> None:
    run_machine(
        Queue,
        settings=settings(
            max_examples=int(os.environ.get("EXAMPLES", "12")),
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.django_db
def test_an_answer_to_what_was_completed_while_it_was_held_is_saved() -> None:
    """One answers, is taken out, another answers, the first is brought back, the other taken out:
    meanwhile somebody holds the comparison, and then answers the opposite."""
    project = make_project(
        overlap=2, adaptive_overlap=True, overlap_cap=5, gold_share=0, adaptive_confidence=0.95
    )
    make_comparisons(project, 1)
    first, holder, third = (make_member(project) for _ in range(3))
    admin = make_member(project, role="admin")

    def member(user: User) -> Membership:
        return Membership.objects.get(user=user)

    def answer(held: Assignment, text: str) -> None:
        texts = {response.pk: response.text for response in handout.shown_responses(held)}
        choice = "left" if texts[held.order[0]] == text else "right"
        submit_and_claim(held.uuid, held.labeler_id, parse_choice(choice, held.order))

    his = claim(first, project)
    hers = claim(holder, project)
    assert his and hers
    answer(his, "Good.")
    exclusion.take_out(member(first), admin, "a mistake")
    theirs = claim(third, project)
    assert theirs
    answer(theirs, "Good.")
    exclusion.bring_back(member(first), admin)
    exclusion.take_out(member(third), admin, "careless")
    answer(hers, "Bad.")
    assert Judgment.objects.filter(labeler=holder, is_surplus=False).count() == 1
    comparison = project.comparisons.get()
    assert (comparison.state, comparison.wanted, comparison.slots_left) == ("open", 3, 1)
