"""Which policy takes over: by a blind comparison, at once within limits, or by hand.

A promotion or a roll-back changes a pointer and nothing else. Every decision is one transaction
that holds the project's pointer (`registry.deciding`) and compares it with what was seen, so that
two workers, two people, or a worker and a person, never both decide: pointer, standing of the
policy, round and audit entry are those of the first, and the second gets Outrun.
"""

from dataclasses import replace
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from config.nudges import nudge
from labeling.database.transactions import retried
from labeling.models import Project, User
from labeling.people.audit import write_entry
from labeling.projects.model_locations import NotUsable
from labeling.texts.shown_paths import without_paths
from labeling.webhooks import events
from labeling.webhooks.outbox import link
from modeling.models import Loop, Policy, Round, deciding
from modeling.models.deciding import NOW, Now, Outrun
from modeling.policies import blind, improving, registry
from modeling.policies.comparing import Outcome
from modeling.run_data.rounds import BlindResult
from modeling.runs import model_files

Status = Policy.Status
State = Round.State

VERDICT_LENGTH = 500


def promote_policy(
    policy: Policy, by: User | None, reason: str, *, instead_of: int | Now | None = NOW
) -> bool:
    """Puts the policy in service, whatever its standing: also the way back to an earlier version.
    A round that compares it ends with that. False: it was in service already.

    `instead_of` is the key of the policy that somebody saw in service when they decided. Raises
    Outrun when another one is in service by now, and NotUsable for a policy that cannot write."""
    seen = deciding.in_service(policy.project)[0] if instead_of is NOW else instead_of
    check_usable(policy)
    return _promote(policy, by, reason, seen)


@retried
def _promote(policy: Policy, by: User | None, reason: str, seen: int | None) -> bool:
    with deciding.deciding(policy.project) as loop:
        if loop.policy_id not in (seen, policy.pk):
            raise Outrun(deciding.moved_to(loop.policy))
        Policy.objects.filter(pk=policy.pk).update(
            status=Status.ACCEPTED, verdict=reason[:VERDICT_LENGTH]
        )
        policy.status, policy.verdict = Status.ACCEPTED, reason[:VERDICT_LENGTH]
        changed = registry.point_at(policy, by, loop)
        if by is not None:
            # What the guard says of versions before a person's choice is dealt with.
            newest = _newest_version(policy.project)
            Loop.objects.filter(project=policy.project).update(guarded_from=newest)
        _close_its_round(policy, State.PROMOTED, reason)
        _nudge(policy.project)
    return changed


@retried
def reject_policy(policy: Policy, by: User | None, reason: str) -> bool:
    """Rejects a policy. False for the one in service, which goes when another one takes its place,
    and for one that was rejected already."""
    with deciding.deciding(policy.project) as loop:
        if loop.policy_id == policy.pk:
            return False
        changed = (
            Policy.objects.filter(pk=policy.pk)
            .exclude(status=Status.REJECTED)
            .update(status=Status.REJECTED, verdict=reason[:VERDICT_LENGTH])
        )
        if changed:
            policy.status, policy.verdict = Status.REJECTED, reason[:VERDICT_LENGTH]
            write_entry(policy.project, by, "policy rejected", policy, reason)
            _close_its_round(policy, State.REJECTED, reason)
            _nudge(policy.project)
    return bool(changed)


def check_usable(policy: Policy) -> None:
    """Raises NotUsable when it could not write a response."""
    registry.check_policy(policy.location, policy.project)
    model_files.check(policy, sizes_only=True)


@retried
def compare_again(policy: Policy, by: User) -> bool:
    """Makes a decided policy a candidate again: the next round that has nothing else in hand
    compares it blind. False for the one in service, and for one that waits already."""
    with deciding.deciding(policy.project) as loop:
        changed = loop.policy_id != policy.pk and Policy.objects.filter(
            pk=policy.pk, status__in=(Status.REJECTED, Status.ACCEPTED)
        ).update(status=Status.CANDIDATE, verdict="")
        if changed:
            policy.status = Status.CANDIDATE
            write_entry(policy.project, by, "policy to be compared", policy)
            _nudge(policy.project)
    return bool(changed)


def _close_its_round(policy: Policy, state: str, reason: str) -> None:
    """The round that has this policy in hand, if one is open."""
    for round_ in Round.objects.filter(
        candidate=policy, state__in=(State.IMPROVING, State.COMPARING)
    ):
        close(round_, state, reason)


def close(round_: Round, state: str, reason: str, **values: Any) -> bool:
    """Ends an open round as it stands, by compare-and-set: False when somebody was faster."""
    if round_.state == State.COMPARING:
        result = result_of(blind.standing(round_).outcome)
        values["results"] = replace(round_.figures, blind=result).as_json()
        # The round's own reason says why it was compared at all, where that is known.
        reason = f"{round_.reason} {reason}".strip()
    now = timezone.now()
    with transaction.atomic():
        closed = Round.objects.filter(pk=round_.pk, state=round_.state).update(
            state=state, reason=reason, finished_at=now, **values
        )
        if closed:
            blind.release(round_)
            events.round_finished(
                round_.project,
                number=round_.number,
                state=state,
                reason=without_paths(reason),
                started_at=round_.started_at,
                finished_at=now,
                url=link("rounds", round_.project.slug),
            )
    return bool(closed)


def result_of(outcome: Outcome) -> BlindResult:
    return BlindResult(outcome.verdict.value, outcome.p_value, outcome.decided_at, outcome.win_rate)


def check_candidate(round_: Round, *, at_once: bool) -> None:
    """What the guard says of the round's new policy: stopped, promoted at once, or compared."""
    candidate = round_.candidate
    if candidate is None:
        close(round_, State.FINISHED, "The run has made no new policy.")
        return
    alarms = improving.policy_alarms(candidate)
    if alarms:
        reason = " ".join(alarm.text for alarm in alarms)
        with deciding.deciding(round_.project):
            if close(round_, State.REJECTED, reason):
                stop_improvement(round_.project, reason)
                reject_policy(candidate, None, reason)
        return
    doubt = why_not_at_once(candidate) if at_once else ""
    if at_once and not doubt:
        kl = f"{candidate.kl:.2f} nats"
        finish(
            round_, State.PROMOTED, f"Promoted at once: KL {kl}, and the guard has no objection."
        )
    else:
        in_hand = Round.objects.filter(pk=round_.pk, state=State.IMPROVING)
        reason = f"Not promoted at once but compared blind: {doubt}" if doubt else ""
        in_hand.update(state=State.COMPARING, reason=reason)


def why_not_at_once(candidate: Policy) -> str:
    """What people have to be asked about before this policy takes over; "" for nothing."""
    before, after = candidate.figures.reward_before, candidate.figures.reward_after
    budget = candidate.project.loop_settings.kl_budget
    if candidate.kl is None:
        return "its KL is unknown."
    if budget and candidate.kl > budget:
        return f"its KL of {candidate.kl:.2f} nats is a little beyond the budget of {budget:g}."
    if before is None or after is None:
        return "its reward is unknown."
    if after <= before:
        return f"its reward did not rise ({before:.2f} → {after:.2f})."
    return ""


def finish(round_: Round, state: str, reason: str) -> bool:
    """Ends a round that has a new policy, with what that means for the policy. In one transaction
    or not at all; False when somebody else has ended it."""
    candidate = round_.candidate
    if state == State.PROMOTED and candidate is not None:
        try:
            registry.check_policy(candidate.location, candidate.project)
            model_files.check(candidate)
        except NotUsable as problem:
            state, reason = State.REJECTED, f"The new policy cannot take over. {problem}"
    try:
        with deciding.deciding(round_.project) as loop:
            if not close(round_, state, reason):
                return False
            if candidate is not None:
                _follow(round_, candidate, state, reason, loop)
    except Outrun:
        return False
    return True


def _follow(round_: Round, candidate: Policy, state: str, reason: str, loop: Loop) -> None:
    if state == State.PROMOTED and candidate.status == Status.CANDIDATE:
        accepted = Policy.objects.filter(pk=candidate.pk, status=Status.CANDIDATE).update(
            status=Status.ACCEPTED, verdict=reason[:VERDICT_LENGTH]
        )
        is_current = loop.policy_id == round_.policy_id
        if not (accepted and is_current and registry.point_at(candidate, None, loop)):
            raise Outrun(deciding.moved_to(loop.policy))
    elif state != State.PROMOTED:
        reject_policy(candidate, None, reason)
    alarms = [a for a in improving.policy_alarms(candidate) if a.kind == "win_rate"]
    if alarms:
        stop_improvement(round_.project, alarms[0].text)


def stop_improvement(project: Project, why: str) -> None:
    """Stops improvement until a person resumes it; labeling and retraining go on. The first reason
    stays."""
    with deciding.deciding(project):
        running = Loop.objects.filter(project=project, improvement_stopped="")
        if running.update(improvement_stopped=why):
            write_entry(project, None, "improvement stopped", project, why)


def resume_improvement(project: Project, by: User, reason: str) -> bool:
    """A person has looked: the guard begins anew with the next version."""
    with deciding.deciding(project):
        changed = (
            Loop.objects.filter(project=project)
            .exclude(improvement_stopped="")
            .update(improvement_stopped="", guarded_from=_newest_version(project))
        )
        if changed:
            write_entry(project, by, "improvement resumed", project, reason)
            _nudge(project)
    return bool(changed)


def _newest_version(project: Project) -> int:
    versions = Policy.objects.filter(project=project).values_list("version", flat=True)
    return versions.order_by("-version").first() or 0


def _nudge(project: Project) -> None:
    transaction.on_commit(partial(nudge, "modeling.tasks.advance", project.pk))
