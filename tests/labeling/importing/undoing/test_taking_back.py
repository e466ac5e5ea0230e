"""An import is taken back as a whole: what nobody has used since is gone, the rest stays."""

import io
import json
from typing import Any

import pytest
from django.apps import apps

from labeling.importing import ImportOptions, import_file
from labeling.importing.undoing import taking_back
from labeling.importing.undoing.rules import foresee
from labeling.importing.undoing.taking_back import (
    CannotUndo,
    begin_undo,
    counts_of,
    finish_undos,
    go_on,
    share_of,
)
from labeling.models import (
    Assignment,
    AuditEntry,
    Comparison,
    Gold,
    Import,
    ImportedAgain,
    Judgment,
    Preference,
    Project,
    Prompt,
    Response,
    User,
)
from labeling.preferences.changes import number_changes
from labeling.preferences.snapshots import take_snapshot
from labeling.queue.leases import expire_leases
from tests.factories import claim, judge, make_comparison, make_member, make_project, run_out
from tests.labeling.at_once.test_races import in_threads

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data_dir(tmp_path, settings):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def project() -> Project:
    return make_project(random_share=0.0, gold_share=0.0)


def take(project: Project, *rows: dict[str, Any], name: str = "rows.jsonl") -> Import:
    file = io.BytesIO("\n".join(json.dumps(row) for row in rows).encode())
    report = import_file(project, None, file, name=name, options=ImportOptions())
    return Import.objects.get(pk=report.import_id)


def undo(job: Import, actor: User | None = None) -> dict[str, int]:
    """What the undo did, which is what its preview said."""
    expected = foresee(job.project, job)
    begin_undo(job, actor)
    assert go_on(job)
    job.refresh_from_db()
    assert job.state == Import.State.UNDONE
    assert counts_of(job) == expected
    return expected


def pair(question: str, *texts: str) -> dict[str, Any]:
    return {"prompt": question, "responses": list(texts or ("a", "b"))}


def triple(question: str, chosen: str = "a", rejected: str = "b") -> dict[str, Any]:
    return {"prompt": question, "chosen": chosen, "rejected": rejected}


def rows_of_all_tables() -> dict[str, list[Any]]:
    """Everything but the record of what was done."""
    record = {"auditentry", "import", "importchunk", "session", "changecounter"}
    return {
        model._meta.label: list(model._default_manager.order_by("pk").values())
        for model in apps.get_app_config("labeling").get_models()
        if model._meta.model_name not in record
    }


def test_what_nobody_has_touched_is_gone_without_a_trace(project: Project) -> None:
    make_comparison(project, ("x", "y"))
    before = rows_of_all_tables()
    job = take(project, pair("One?"), triple("Two?"), {"prompt": "Three?"}, pair("Four?", *"abc"))
    assert undo(job) == {"prompts": 4, "responses": 7, "comparisons": 3, "preferences": 1}
    assert rows_of_all_tables() == before


def test_what_people_judged_hold_or_use_as_gold_stays_as_it_is(project: Project) -> None:
    job = take(project, *[pair(f"Question {number}?") for number in range(4)])
    labeler, other = make_member(project), make_member(project)
    judge(claim(labeler, project), "left")
    held = claim(other, project)
    counts = undo(job)
    assert counts["comparisons_judged"] == 2
    assert (counts["prompts"], counts["comparisons"]) == (2, 2)
    assert (counts["prompts_kept"], counts["responses_kept"]) == (2, 4)
    assert Preference.objects.count() == 1
    assert judge(held, "right")
    assert Preference.objects.count() == 2


def test_gold_keeps_its_comparison(project: Project) -> None:
    job = take(project, pair("One?"))
    comparison = Comparison.objects.get()
    Gold.objects.create(project=project, comparison=comparison, expected=[], origin="unanimous")
    assert undo(job)["comparisons_judged"] == 1


def test_what_was_begun_and_given_back_is_withdrawn_and_a_late_answer_is_kept(
    project: Project,
) -> None:
    job = take(project, pair("One?"))
    labeler = make_member(project)
    assignment = run_out(claim(labeler, project))
    expire_leases()
    assert undo(job) == {"comparisons_withdrawn": 1, "responses_kept": 2, "prompts_kept": 1}
    assert Comparison.objects.get().state == "withdrawn"
    assert claim(make_member(project), project) is None
    judge(assignment, "left")
    assert (Judgment.objects.count(), Preference.objects.count()) == (1, 0)


def test_a_preference_in_a_snapshot_is_excluded_instead(project: Project) -> None:
    job = take(project, triple("One?"), triple("Two?"))
    take_snapshot(project)
    counts = undo(job)
    assert counts == {"preferences_excluded": 2, "responses_kept": 4, "prompts_kept": 2}
    reasons = Preference.objects.values_list("excluded", "excluded_reason")
    assert set(reasons) == {(True, f"Import {job.pk} was undone.")}


def test_a_reader_of_changes_is_told_of_the_exclusion(project: Project) -> None:
    job = take(project, triple("One?"))
    number = number_changes(Preference, project)
    assert undo(job)["preferences_excluded"] == 1
    assert number_changes(Preference, project) > number


def test_a_pair_that_waited_waits_again(project: Project) -> None:
    first = take(project, pair("One?"))
    before = Comparison.objects.values().get()
    second = take(project, triple("One?"))
    assert Comparison.objects.get().state == "finished"
    assert undo(second) == {"preferences": 1, "comparisons_asked_again": 1}
    assert Comparison.objects.values().get() == before
    assert undo(first) == {"prompts": 1, "responses": 2, "comparisons": 1}


def test_what_a_later_import_has_as_well_stays_and_is_handed_over(project: Project) -> None:
    rows = [pair("One?"), triple("Two?")]
    first = take(project, *rows, {"prompt": "Alone?"})
    second = take(project, *rows)
    counts = undo(first)
    assert counts == {"prompts": 1, "handed_over": 2 + 1 + 4 + 2}
    assert set(Prompt.objects.values_list("brought_by", flat=True)) == {second.pk}
    counts = undo(second)
    assert counts == {"prompts": 2, "responses": 4, "comparisons": 2, "preferences": 1}
    assert not Prompt.objects.exists() and not ImportedAgain.objects.exists()


def test_undoing_the_later_import_leaves_the_first(project: Project) -> None:
    take(project, triple("One?"))
    second = take(project, triple("One?"), triple("Two?"))
    undo(second)
    assert Prompt.objects.get().last_message == "One?"
    assert Preference.objects.count() == 1


def test_a_pair_that_a_later_file_settled_goes_over_to_it(project: Project) -> None:
    first = take(project, pair("One?"))
    take(project, triple("One?"))
    assert undo(first) == {"handed_over": 4}
    assert Preference.objects.count() == 1


def test_a_prompt_that_a_policy_answered_stays(project: Project) -> None:
    job = take(project, {"prompt": "One?"}, {"prompt": "Two?"})
    prompt = Prompt.objects.earliest("pk")
    Response.objects.create(prompt=prompt, text="x", digest="d", origin="policy", policy_version=1)
    assert undo(job) == {"prompts": 1, "prompts_kept": 1}


def outside_judgment(job: Import, comparison: Comparison, labeler: User) -> Judgment:
    order = list(comparison.responses.values_list("pk", flat=True))
    now = job.created_at
    assignment = Assignment.objects.create(
        project=job.project, comparison=comparison, labeler=labeler, state="judged", order=order,
        leased_at=now, expires_at=now, finished_at=now, queue_cursor=now,
    )  # fmt: skip
    return Judgment.objects.create(
        project=job.project, assignment=assignment, comparison=comparison, labeler=labeler,
        kind="prefer", tiers=[[order[0]], [order[1]]], order=order, created_at=now, brought_by=job,
    )  # fmt: skip


def test_judgments_that_the_import_brought_go_with_their_comparison(project: Project) -> None:
    job = take(project, pair("One?"))
    outside_judgment(job, Comparison.objects.get(), make_member(project))
    assert undo(job) == {"prompts": 1, "responses": 2, "comparisons": 1}
    assert not Judgment.objects.exists() and not Assignment.objects.exists()


def test_on_a_comparison_that_stays_they_count_no_more(project: Project) -> None:
    job = take(project, pair("One?"))
    judge(claim(make_member(project), project), "left")
    judgment = outside_judgment(job, Comparison.objects.get(), make_member(project))
    counts = undo(job)
    assert (counts["judgments"], counts["comparisons_judged"]) == (1, 1)
    judgment.refresh_from_db()
    assert judgment.superseded_at is not None
    assert Preference.objects.get().provenance == "unanimous"


def test_an_undo_is_in_the_audit_log_with_who_and_what(project: Project) -> None:
    curator = make_member(project)
    job = take(project, pair("One?"))
    undo(job, curator)
    begun, done = AuditEntry.objects.filter(action__in=["undo import", "import undone"]).order_by(
        "pk"
    )
    assert (begun.action, begun.actor) == ("undo import", curator)
    assert (done.actor, done.details["prompts"]) == (curator, 1)


@pytest.mark.parametrize("state", ["staged", "ready", "in_force", "refused", "cancelled"])
def test_only_what_was_taken_can_be_undone(project: Project, state: str) -> None:
    job = take(project, pair("One?"))
    Import.objects.update(state=state)
    with pytest.raises(CannotUndo):
        begin_undo(job, None)


def test_two_who_ask_at_once_are_told_that_it_is_under_way(project: Project) -> None:
    job = take(project, pair("One?"))
    begin_undo(job, None)
    with pytest.raises(CannotUndo, match="already"):
        begin_undo(job, None)


def test_an_undo_that_was_cut_off_goes_on_where_it_was(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking_back, "BATCH", 1)
    monkeypatch.setattr(taking_back, "SHORT_SECONDS", 0.0)
    job = take(project, *[pair(f"Question {number}?") for number in range(3)])
    begin_undo(job, None)
    assert not go_on(job, seconds=0.0)
    assert Comparison.objects.count() == 2
    finish_undos()
    assert Prompt.objects.count() == 3, "somebody is at work on it"
    job.refresh_from_db()
    assert share_of(job) == pytest.approx(1 / 12)
    Import.objects.update(touched_at=job.created_at.replace(year=2020))
    finish_undos()
    job.refresh_from_db()
    assert counts_of(job) == {"prompts": 3, "responses": 6, "comparisons": 3}
    assert share_of(job) == 1.0
    assert not Prompt.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_labelers_at_work_lose_nothing_to_an_undo(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking_back, "BATCH", 1)
    monkeypatch.setattr(taking_back, "SHORT_SECONDS", 0.0)
    job = take(project, *[pair(f"Question {number}?") for number in range(12)])
    labelers = [make_member(project) for _ in range(2)]

    def work(labeler: User) -> None:
        while (assignment := claim(labeler, project)) is not None:
            judge(assignment, "left")

    def take_back() -> None:
        begin_undo(job, None)
        go_on(job)

    in_threads(take_back, *[lambda one=one: work(one) for one in labelers])
    judged = Comparison.objects.filter(judgments__isnull=False).distinct().count()
    assert Judgment.objects.count() == Preference.objects.count() == judged
    job.refresh_from_db()
    assert counts_of(job).get("comparisons", 0) + judged >= 12
    assert Prompt.objects.count() == Comparison.objects.count()
