"""As test_queue_machine.py, with all that can happen to people and checks as well: gold, mirrored
repeats, rewrites, flags, comparisons set aside, members paused, removed and invited again, and a
superuser who labels without being a member."""

import os
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from labeling.curation import set_aside
from labeling.judging.recording import NoMember, submit_and_claim
from labeling.models import Comparison, Gold, Judgment, Membership, Preference, Project
from labeling.people import members
from labeling.preferences.settling import settled
from labeling.projects import editing
from labeling.quality import gold
from labeling.queue import handout
from tests.factories import make_comparisons, make_member, make_project, make_user
from tests.labeling.at_once.test_queue_machine import Queue, answer_of, choices, numbers, people

REWRITES = ["Better.", "Best of all."]


class Everything(Queue):
    @initialize(
        overlap=st.integers(1, 3), adaptive=st.booleans(), first_round=st.sampled_from([0, 1])
    )
    def begin(self, overlap: int, adaptive: bool, first_round: int) -> None:
        self.project = make_project(
            overlap=overlap,
            adaptive_overlap=adaptive,
            overlap_cap=4,
            gold_share=0.3,
            gold_mark=0.6,
            gold_minimum=3,
            repeat_share=0.5,
            repeat_after_hours=0,
            qualification_items=first_round,
            correction_minutes=60,
        )
        make_comparisons(self.project, 2)
        self.labelers = [make_member(self.project, role="curator") for _ in range(3)]
        self.labelers += [make_member(self.project), make_user(is_superuser=True)]
        self.admin = make_member(self.project, role="admin")

    def membership(self, who: int) -> Membership:
        """Whoever is no member is invited again."""
        return Membership.objects.get_or_create(project=self.project, user=self.labelers[who])[0]

    def comparisons(self) -> list[Comparison]:
        """Not the pairs of a rewrite and what it improves."""
        asked = self.project.comparisons.exclude(preferences__provenance="human")
        return list(asked.select_related("prompt"))

    @rule(which=numbers, choice=choices, rewrite=st.sampled_from(["", *REWRITES]))
    def answer(self, which: int, choice: str, rewrite: str) -> None:
        had = self.assignments(state__in=["leased", "expired", "released"])
        if not had:
            return
        assignment = had[which % len(had)]
        answer = answer_of(choice, assignment.order)
        if rewrite and answer.tiers:
            answer = replace(answer, rewrite=rewrite)
        labeler = assignment.labeler
        is_member = Membership.objects.filter(project=self.project, user=labeler).exists()
        try:
            recorded, _ = submit_and_claim(assignment.uuid, labeler.pk, answer)
        except NoMember:
            assert not is_member and not labeler.is_superuser
        else:
            self.note(recorded)
            assert recorded.is_new and (is_member or labeler.is_superuser)

    @rule(who=people)
    def remove(self, who: int) -> None:
        here = Membership.objects.filter(project=self.project, user=self.labelers[who])
        for membership in here:
            members.remove_member(membership, self.admin)

    @rule(who=people, is_paused=st.booleans())
    def pause(self, who: int, is_paused: bool) -> None:
        with suppress(members.MembersError):
            members.change_member(self.membership(who), self.admin, is_paused=is_paused)

    @rule(is_paused=st.booleans(), adaptive=st.booleans())
    def switch(self, is_paused: bool, adaptive: bool) -> None:
        wanted = {"is_paused": is_paused, "adaptive_overlap": adaptive}
        editing.change_settings(self.project, self.admin, wanted)

    @rule(which=numbers)
    def set_aside(self, which: int) -> None:
        if held := self.assignments(state="leased"):
            set_aside.set_aside(held[which % len(held)], "It cannot be shown.")

    @rule(which=st.integers(0, 3))
    def restore(self, which: int) -> None:
        comparisons = list(self.project.comparisons.order_by("pk"))
        set_aside.hand_out_again(self.project, self.admin, comparisons[which % len(comparisons)].pk)

    @rule()
    def approve_gold(self) -> None:
        candidates = gold.candidates(self.project).values_list("pk", flat=True)
        gold.approve(self.project, self.admin, list(candidates))

    @rule()
    def retire_gold(self) -> None:
        for one in Gold.objects.filter(project=self.project, retired_at=None):
            gold.retire(one, self.admin)

    @rule()
    def everybody_claims(self) -> None:
        for user in self.labelers:
            handout.current_or_next(user, Project.objects.get(pk=self.project.pk))

    @invariant()
    def rewrites_are_preferred_as_long_as_a_judgment_stands_for_them(self) -> None:
        if not hasattr(self, "project"):
            return
        standing = Judgment.objects.filter(superseded_at=None, excluded_at=None, purpose="work")
        for preference in Preference.objects.filter(project=self.project, provenance="human"):
            stands = standing.filter(rewrite=preference.chosen).exists()
            assert (preference.settled_at is not None) == stands

    @invariant()
    def checks_never_settle_anything(self) -> None:
        if hasattr(self, "project"):
            checks = Judgment.objects.filter(project=self.project).exclude(purpose="work")
            assert not checks.filter(is_surplus=False).exists()
            assert settled(self.project).count() <= Preference.objects.count()


@pytest.mark.django_db
@pytest.mark.timeout(900)
def test_no_order_of_events_breaks_a_rule_with_checks_and_people_who_come_and_go() -> None:
    run_machine(
        Everything,
        settings=settings(
            max_examples=int(os.environ.get("EXAMPLES", "10")),
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
