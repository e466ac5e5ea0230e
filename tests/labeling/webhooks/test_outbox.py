"""Events are written with what they tell of, and cost nothing where nobody asks."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from labeling.curation import decisions
from labeling.curation.doubts import Contradiction, confirm, note_doubts
from labeling.curation.flags import withdraw_comparison
from labeling.curation.set_aside import (
    hand_out_again,
    restore_withdrawn,
    set_aside,
    set_aside_comparison,
)
from labeling.judging.recording import Answer, undo_last
from labeling.models import Delivery, EventType, Preference, Project, User, Webhook
from labeling.preferences.snapshots import take_snapshot
from labeling.projects.webhooks import change_webhook
from labeling.texts.pseudonyms import pseudonym
from labeling.webhooks import events, outbox
from labeling.webhooks.fields import FIELDS
from tests.factories import claim, claim_and_judge, judge, make_comparisons, make_member


def asks_for(webhook: Webhook, admin: User, project: Project, *types: str) -> None:
    change_webhook(webhook, admin, {"events": types})
    project.refresh_from_db()


def told(*, of: str) -> list[dict[str, Any]]:
    rows = Delivery.objects.filter(type=of).order_by("pk")
    return [row.payload["data"] for row in rows]


def test_a_judgment_and_what_it_settles_are_told(
    project: Project, admin: User, webhook: Webhook
) -> None:
    asks_for(webhook, admin, project, "judgment.made", "preference.settled")
    labeler = make_member(project, name="secret-name")
    make_comparisons(project, 1)
    recorded = claim_and_judge(labeler, project)
    (judgment,) = told(of="judgment.made")
    assert judgment["judgment"] == recorded.judgment.pk
    assert (judgment["kind"], judgment["counts"]) == ("prefer", True)
    assert judgment["tiers"] == recorded.judgment.tiers
    assert judgment["labeler"] == pseudonym(project.pk, labeler.pk)
    (settled,) = told(of="preference.settled")
    (row,) = settled["preferences"]
    preference = Preference.objects.get()
    assert (row["id"], row["chosen"]) == (preference.pk, preference.chosen_id)
    assert row["url"] == f"/projects/{project.slug}/preferences/{preference.pk}/"


def test_nothing_stored_names_a_labeler_or_holds_a_text(
    project: Project, admin: User, webhook: Webhook
) -> None:
    asks_for(webhook, admin, project, *EventType.values)
    (comparison,) = make_comparisons(project, 1)
    claim_and_judge(make_member(project, name="secret-name"), project)
    texts = [comparison.prompt.last_message, *comparison.responses.values_list("text", flat=True)]
    stored = str(list(Delivery.objects.values_list("payload", flat=True)))
    assert "judgment" in stored
    assert not [text for text in ["secret-name", *texts] if text in stored]


def test_a_change_that_was_undone_is_not_told(
    project: Project, admin: User, webhook: Webhook
) -> None:
    asks_for(webhook, admin, project, "judgment.made")
    make_comparisons(project, 1)
    assignment = claim(make_member(project), project)
    with transaction.atomic():
        judge(assignment, "left")
        assert len(told(of="judgment.made")) == 1
        transaction.set_rollback(True)
    assert told(of="judgment.made") == []


def statements_of_a_click(project: Project) -> int:
    labeler = make_member(project)
    make_comparisons(project, 2)
    assignment = claim(labeler, project)
    with CaptureQueriesContext(connection) as queries:
        judge(assignment, "left")
    return len(queries)


def test_a_project_without_webhooks_pays_no_statement(
    project: Project, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_outbox = statements_of_a_click(project)
    for name in ("judgment_made", "preferences_settled"):
        monkeypatch.setattr(events, name, lambda *_: None)
    assert statements_of_a_click(project) == with_outbox


def test_a_webhook_for_other_events_costs_a_click_nothing(
    project: Project, admin: User, webhook: Webhook
) -> None:
    before = statements_of_a_click(project)
    asks_for(webhook, admin, project, "judgment.made")
    assert statements_of_a_click(project) > before
    asks_for(webhook, admin, project, "snapshot.taken")
    assert statements_of_a_click(project) == before


def test_an_answer_that_was_taken_back_is_told(
    project: Project, admin: User, webhook: Webhook
) -> None:
    asks_for(webhook, admin, project, "judgment.withdrawn", "preference.settled")
    labeler = make_member(project)
    make_comparisons(project, 1)
    recorded = claim_and_judge(labeler, project)
    undo_last(labeler, project)
    assert [one["judgment"] for one in told(of="judgment.withdrawn")] == [recorded.judgment.pk]
    claim_and_judge(labeler, project, "right")
    assert len(told(of="preference.settled")) == 2


def test_each_decision_of_a_curator_is_told(
    project: Project, admin: User, webhook: Webhook
) -> None:
    asks_for(webhook, admin, project, "review.decided")
    labeler = make_member(project)
    make_comparisons(project, 2)
    claim_and_judge(labeler, project)
    flagged_one = claim(labeler, project)
    assert flagged_one is not None
    judge(flagged_one, Answer("flag", flag="unsafe"))
    preference = Preference.objects.get()
    decisions.exclude(project, admin, [preference.pk], "Off topic")
    decisions.exclude(project, admin, [preference.pk], "Again")
    decisions.restore(project, admin, [preference.pk])
    note_doubts(project, 1, [Contradiction(preference.pk, 0.9, 1, 1, False)], None)
    confirm(preference, admin)
    flagged = labeler.judgments.get(kind="flag").comparison_id
    withdraw_comparison(project, admin, flagged)
    rows = told(of="review.decided")
    assert [row["decision"] for row in rows] == ["exclude", "restore", "confirm", "withdraw"]
    assert [row["preferences"] for row in rows] == [[preference.pk]] * 3 + [[]]
    assert (rows[0]["reason"], rows[0]["by"]) == ("Off topic", pseudonym(project.pk, admin.pk))
    assert rows[3]["comparison"] == flagged


def test_what_becomes_of_a_comparison_is_told(
    project: Project, admin: User, webhook: Webhook
) -> None:
    asks_for(webhook, admin, project, "review.decided")
    withdrawn, aside, by_a_rule = (one.pk for one in make_comparisons(project, 3))
    withdraw_comparison(project, admin, withdrawn)
    restore_withdrawn(project, admin, withdrawn)
    set_aside_comparison(project, admin, aside, "Shown wrongly")
    hand_out_again(project, admin, aside)
    assignment = claim(make_member(project), project)
    assert assignment is not None
    set_aside(assignment, "It is too long.")
    rows = told(of="review.decided")
    assert [(row["decision"], row["comparison"]) for row in rows] == [
        ("withdraw", withdrawn), ("hand_out_again", withdrawn),
        ("set_aside", aside), ("hand_out_again", aside),
    ]  # fmt: skip
    assert by_a_rule not in {row["comparison"] for row in rows}, "what a rule did is no decision"


def test_a_decision_about_many_names_all_of_them_in_several_events(
    project: Project, admin: User, webhook: Webhook
) -> None:
    asks_for(webhook, admin, project, "review.decided")
    ids = list(range(1, 1202))
    events.preferences_reviewed(project, admin, "exclude", ids, "Spam")
    rows = told(of="review.decided")
    assert [len(row["preferences"]) for row in rows] == [500, 500, 201]
    assert [pk for row in rows for pk in row["preferences"]] == ids
    assert {row["of"] for row in rows} == {1201}


def test_a_snapshot_is_told_when_it_is_new(project: Project, admin: User, webhook: Webhook) -> None:
    asks_for(webhook, admin, project, "snapshot.taken")
    make_comparisons(project, 1)
    claim_and_judge(make_member(project), project)
    snapshot = take_snapshot(project)
    take_snapshot(project)
    (row,) = told(of="snapshot.taken")
    assert (row["sha256"], row["count"]) == (snapshot.sha256, 1)


def test_every_webhook_gets_its_own_delivery_of_one_event(
    project: Project, admin: User, webhook: Webhook
) -> None:
    asks_for(webhook, admin, project, "judgment.made")
    other = Webhook.objects.create(
        project=project, address="https://1.1.1.1/", events=["judgment.made"], salt="b"
    )
    off = Webhook.objects.create(
        project=project, address="https://1.1.1.1/", events=["judgment.made"], is_active=False
    )
    make_comparisons(project, 1)
    claim_and_judge(make_member(project), project)
    rows = Delivery.objects.all()
    assert {row.webhook_id for row in rows} == {webhook.pk, other.pk}
    assert len({row.event_id for row in rows}) == 1
    assert not off.deliveries.exists()


def test_an_event_with_other_fields_than_declared_is_not_written(project: Project) -> None:
    with pytest.raises(AssertionError, match=r"declared otherwise: (surplus|url)"):
        outbox.payload_of(project, "webhook.test", {"message": "a"}, project.created_at)


def test_every_type_is_declared() -> None:
    assert set(FIELDS) == {*EventType.values, "webhook.test"}


def test_links_are_whole_where_the_site_is_known(settings: Any, project: Project) -> None:
    make: Callable[[], str] = lambda: outbox.link("preference", project.slug, 7)  # noqa: E731
    assert make() == f"/projects/{project.slug}/preferences/7/"
    settings.SITE_URL = "https://pref.example"
    assert make() == f"https://pref.example/projects/{project.slug}/preferences/7/"
