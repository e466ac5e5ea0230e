"""A project as it looks after some weeks, for tests that look at every page: long words, Arabic,
empty texts, people of every kind, runs in every state, everything measured."""

from typing import Any

from django.utils import timezone

from labeling.curation.comments import add_comment
from labeling.curation.decisions import exclude
from labeling.curation.doubts import Contradiction, note_doubts
from labeling.importing import ImportReport
from labeling.judging.recording import Answer
from labeling.models import (
    Export,
    GuidelineVersion,
    Import,
    Judgment,
    Membership,
    Preference,
    Project,
    Role,
    Scope,
    Snapshot,
    SnapshotPush,
    SnapshotTaking,
    User,
)
from labeling.models.work import FlagCategory
from labeling.people.invitations import create_invitation, invite_account
from labeling.people.signing_in.tokens import make_token
from labeling.projects.webhooks import create_webhook, send_test
from labeling.quality import gold
from labeling.snapshots.filters import SnapshotFilter
from labeling.snapshots.taking import take_by_hand
from labeling.webhooks.delivering import Claimed, record
from labeling.webhooks.sending import Outcome
from modeling.models import Loop, Policy, Run, Score, versions
from modeling.models.versions import loop_of
from tests.factories import (
    claim,
    judge,
    judge_for,
    make_comparison,
    make_member,
    make_project,
    make_prompt,
    make_response,
    make_user,
)
from tests.modeling.page_helpers import log_metrics, make_history, make_run
from tests.modeling.pages.reward_models.test_pages_model_report import predict

GUIDELINES = """# What to look for

Prefer the **helpful** response.

### Rules

1. True before friendly.
2. `code` must run.

## Examples

| question | better |
|---|---|
| Wie heißt das? | Donaudampfschifffahrtsgesellschaftskapitän |

> مرحبا بالعالم
"""
TEXTS = (
    "Blot the stain with cold water.\n\n- then vinegar\n- never hot water\n\n```python\nx = 1\n```",
    "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenverleihungsurkunde, sagte sie.",
    "اغسل البقعة بالماء البارد ثم ضع القليل من الخل.",
    "## A heading\n\nA longer answer. " + "It goes on and on. " * 40,
)


def make_rows_to_look_at() -> tuple[dict[Role, User], dict[str, Any]]:
    """The people by role, and what the addresses stand for."""
    project = make_project(
        slug="teatime", name="Teatime", overlap=2, gold_share=0.2, description="Which is kinder?",
        improvement="best_of_n", adaptive_overlap=True,
    )  # fmt: skip
    text = GuidelineVersion.objects.create(project=project, number=2, text=GUIDELINES)
    Project.objects.filter(pk=project.pk).update(guidelines=text)
    project.refresh_from_db()
    people = {role: make_member(project, role, f"{role}-of-teatime") for role in Role}
    _judge(project, people)
    values = _learn(project) | _manage(project, people)
    held = claim(people[Role.LABELER], project)
    assert held is not None
    taken = _import(project, people[Role.CURATOR])
    of_preference = Preference.objects.latest("pk").comparison_id
    words = "The first one names a source; @labeler-of-teatime, did you open it?"
    comment = add_comment(project, people[Role.CURATOR], of_preference, words, to_labelers=True)
    mine = Judgment.objects.filter(labeler=people[Role.LABELER]).latest("pk")
    return people, values | {
        "slug": project.slug,
        "uuid": held.uuid,
        "version": 1,
        "my.pk": mine.pk,
        "flagged.pk": mine.pk,
        "gold.pk": 1,
        "import.pk": taken.pk,
        "import-skipped.format": "csv",
        "api-import.pk": taken.pk,
        "api-import-skipped.pk": taken.pk,
        "api-import-undo.pk": taken.pk,
        "api-import-take.pk": taken.pk,
        "api-import-cancel.pk": taken.pk,
        "api.number": 1,
        "comment.pk": comment.pk,
        "comment-add.pk": comment.comparison_id,
        "note-add.pk": mine.pk,
        "preference.pk": Preference.objects.latest("pk").pk,
        **_take_snapshots(project, people[Role.CURATOR]),
        "api-export.uuid": Export.objects.create(project=project, file_name="x").uuid,
        "demo.secret": "x",
        "api.pk": 1,
        "confirm-email.token": "abc",
        "set-password.uidb64": "MQ",
        "set-password.token": "abc-123",
    }


def _import(project: Project, curator: User) -> Import:
    """Imports in several states; the last can be undone."""
    at = {"project": project, "actor": curator, "touched_at": timezone.now()}
    fault = {"place": "row 7 of part.csv", "field": "prompt", "problem": "Is missing."}
    Import.objects.create(
        name="part.csv", state="refused", **at,
        refusal={"summary": "The file was not imported: 1 error found.", "problems": [fault]},
    )  # fmt: skip
    Import.objects.create(
        name="large.parquet", attempt=1, asked={"take": False, "source": "files"}, **at,
        progress={"what": "reading", "at": 3_000_000, "of": 9_000_000, "rows": 12_000},
    )  # fmt: skip
    skipped = {"line": 3, "place": "line 3", "field": "prompt", "problem": "Must be a text."}
    report = ImportReport(
        rows=1204, prompts_new=1000, prompts_merged=204, comparisons_new=900, skipped=1,
        splits={"train": 900, "dev": 100}, notices=["“language” ignored: 3 (lines 1, 2, 3)"],
        skipped_lines=[skipped],  # type: ignore[list-item]
    )  # fmt: skip
    return Import.objects.create(
        name="rows.jsonl, more.csv", state="done", report=report.as_dict(), **at
    )


def _judge(project: Project, people: dict[Role, User]) -> None:
    # One on which two agree, whatever chance hands out of the rest.
    make_comparison(project, ("Good.", "Bad."), wanted=2)
    for role in (Role.LABELER, Role.CURATOR):
        judge_for(people[role], project, "Good.")
    for number in range(14):
        prompt = make_prompt(project, f"How do I remove stain {number}?\n\nIt is **red**.")
        texts = (TEXTS[number % 4], TEXTS[(number + 1) % 4] + f" {number}")
        make_comparison(project, texts, prompt=prompt, wanted=2)
    for labeler in people.values():
        for choice in ("left", "right", "tie", "left", "skip", "right-2", "left"):
            assignment = claim(labeler, project)
            if assignment is not None:
                judge(assignment, choice)
    assignment = claim(people[Role.LABELER], project)
    if assignment is not None:
        flagged = Answer(kind=Judgment.Kind.FLAG, flag=FlagCategory.values[0], rationale="Look!")
        judge(assignment, flagged)


def _take_snapshots(project: Project, curator: User) -> dict[str, Any]:
    """Two that differ, one that could not be written, and pushes that ended in both ways."""
    for name, filters in (("Spring", {}), ("Chosen ones", {"kind": "prefer"})):
        snapshot = take_by_hand(
            project, curator, name, SnapshotFilter.parse(filters), licence="cc-by-4.0",
            description="What we agreed on.\nWithout the spam.",
        )  # fmt: skip
        assert isinstance(snapshot, Snapshot)
    wish = SnapshotTaking.objects.create(
        project=project, name="Summer", up_to=1, total=9, state="failed",
        problem="No space left on device.", touched_at=timezone.now(),
    )  # fmt: skip
    ended = {"of": snapshot, "touched_at": timezone.now(), "created_by": curator}
    SnapshotPush.objects.create(
        repo_id="teatime/spring", state="done", commit="c" * 40, url="https://huggingface.co/x",
        **ended,
    )  # fmt: skip
    SnapshotPush.objects.create(
        repo_id="teatime/summer", state="failed", problem="The hub answered with 500.", **ended
    )
    return {
        "snapshot.pk": snapshot.pk,
        "taking.pk": wish.pk,
        "api-snapshot.pk": snapshot.pk,
        "api-snapshot-file.pk": snapshot.pk,
        "api-snapshot-file.name": "README.md",
        "api-snapshot-pushes.pk": snapshot.pk,
    }


def _learn(project: Project) -> dict[str, Any]:
    make_history(project, 3)
    loop = Loop.objects.get(project=project)
    model = loop.reward_model
    assert model is not None and loop.policy is not None
    first = Preference.objects.earliest("pk").pk
    predict(model, [1.0, -0.5, 2.0, 1.5, -1.0, 0.5] * 10, first=first)
    note_doubts(project, model.version, [Contradiction(first, 0.9, 3, 3, True)], None)
    candidate = Policy.objects.create(
        project=project, version=2, name="After round 2", location="org/p2", parent=loop.policy,
        notes="A little kinder.", kl=3.2, algorithm="best_of_n",
        run=make_run(project, kind=Run.Kind.TRAIN_POLICY),
    )  # fmt: skip
    for number in range(3):
        prompt = make_prompt(project, f"What is tea {number}?")
        for version, text in ((1, "A drink."), (2, TEXTS[number])):
            response = make_response(prompt, text, origin="policy", policy_version=version)
            Score.objects.create(response=response, reward_model=model, value=version / 2)
    make_run(project, Run.State.FAILED, kind=Run.Kind.SAMPLE, error="The disk is full.\nFree some.")
    run = make_run(
        project, Run.State.RUNNING, kind=Run.Kind.COMPARE, progress=0.5, seconds_left=90,
        policy=candidate,
    )  # fmt: skip
    log_metrics(run, "train/loss", [0.7, 0.6, 0.5])
    versions.loop_of(project)
    return {"run.pk": run.pk, "reward.pk": model.pk}


def _manage(project: Project, people: dict[Role, User]) -> dict[str, Any]:
    admin = people[Role.ADMIN]
    labeler = Membership.objects.get(user=people[Role.LABELER])
    exclude(project, admin, [Preference.objects.earliest("pk").pk], "spam")
    gold.construct(project, people[Role.CURATOR], 2)
    resting = make_member(project, name="resting")
    Membership.objects.filter(user=resting).update(
        is_paused=True, excluded_at=timezone.now(), excluded_reason="Guessed."
    )
    invitation, token = create_invitation(project, admin, Role.LABELER, "Somebody new")
    guest = make_user("guest")
    invite_account(project, admin, guest.username, Role.LABELER, "")
    make_token(admin, "Nightly export", tuple(Scope))
    hook, event = _told(project, admin)
    loop_of(project)
    return {
        "webhook.pk": hook,
        "delivery": event,
        "labeler.pk": labeler.pk,
        "member.pk": labeler.pk,
        "quality.pk": labeler.pk,
        "invitation.token": token,
        "invitation.pk": invitation.pk,
    }


def _told(project: Project, admin: User) -> tuple[int, int]:
    """A webhook that fails, and the event that was refused last."""
    address = "https://1.1.1.1/a-path-that-is-long-and-cannot-be-broken-" + "x" * 80
    hook = create_webhook(
        project, admin, {"address": address, "events": ["judgment.made", "round.finished"]}
    ).webhook
    arrived, refused = send_test(hook, admin), send_test(hook, admin)
    send_test(hook, admin)
    now = timezone.now()
    answer = Outcome(200, '{"ok": true}', seconds=0.21)
    refusal = Outcome(503, "<h1>Außer Betrieb</h1> مرحبا", "It did not take the event.", 1.5)
    record(Claimed(arrived, hook, arrived.next_try_at or now), answer, now)
    record(Claimed(refused, hook, refused.next_try_at or now), refusal, now)
    return hook.pk, refused.pk
