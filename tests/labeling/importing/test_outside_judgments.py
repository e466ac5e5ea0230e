"""What named people said in a file becomes judgments of outside labelers."""

import io
import json
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.db import IntegrityError, transaction
from django.test import RequestFactory

from labeling.importing import ImportOptions, ImportRefused, ImportReport, import_file
from labeling.models import (
    Assignment,
    Comparison,
    Judgment,
    Membership,
    Preference,
    Project,
    User,
)
from labeling.quality import exclusion, figures
from labeling.quality.weights import update_reliability
from tests.factories import claim_and_judge, make_member, make_project

pytestmark = pytest.mark.django_db


def take(project: Project, *rows: dict[str, Any], **options: Any) -> ImportReport:
    content = "\n".join(json.dumps(row) for row in rows).encode()
    return import_file(
        project, None, io.BytesIO(content), name="named", options=ImportOptions(**options)
    )


def vote(annotator: Any, better: str = "Tea", worse: str = "Coffee", **more: Any) -> dict[str, Any]:
    row = {"prompt": "Tea or coffee?", "chosen": better, "rejected": worse}
    return {**row, "annotator": annotator, **more}


def said(project: Project) -> dict[str, str]:
    """What each outside labeler says now: the better response, or the kind."""
    standing = Judgment.objects.filter(project=project, superseded_at__isnull=True)
    texts = {}
    for judgment in standing.select_related("labeler", "comparison"):
        responses = dict(judgment.comparison.responses.values_list("pk", "text"))
        best = responses[judgment.tiers[0][0]] if judgment.kind == "prefer" else judgment.kind
        texts[str(judgment.labeler)] = best
    return texts


def test_each_annotator_becomes_a_labeler_with_a_judgment_and_they_settle() -> None:
    project = make_project()
    report = take(project, vote("ana"), vote("ben"), vote("cleo", "Coffee", "Tea"))
    assert (report.labelers_new, report.judgments_new, report.preferences_new) == (3, 3, 1)
    assert (report.votes_counted, report.judgments_replaced) == (0, 0)
    assert said(project) == {"ana": "Tea", "ben": "Tea", "cleo": "Coffee"}
    preference = Preference.objects.get()
    assert (preference.chosen.text, preference.provenance) == ("Tea", "weighted")
    assert (preference.votes_chosen, preference.votes_rejected) == (2, 1)
    assert preference.target == pytest.approx(2 / 3)
    comparison = Comparison.objects.get()
    assert (comparison.state, comparison.wanted, comparison.slots_left) == ("finished", 3, 0)


def test_their_agreement_is_measured_like_anybodys() -> None:
    project = make_project()
    take(project, vote("ana"), vote("ben"), vote("cleo", "Coffee", "Tea"))
    measured = figures.agreement(project)
    assert measured is not None
    assert measured.value == pytest.approx(1 / 3)


def test_the_same_file_again_changes_nothing() -> None:
    project = make_project()
    rows = [vote("ana"), vote("ben", "Coffee", "Tea"), vote("ana", "Coffee", "Tea")]
    take(project, *rows)
    before = list(Judgment.objects.values().order_by("pk"))
    settled = list(Preference.objects.values().order_by("pk"))
    report = take(project, *rows)
    assert (report.judgments_new, report.judgments_merged, report.labelers_new) == (0, 2, 0)
    assert list(Judgment.objects.values().order_by("pk")) == before
    assert list(Preference.objects.values().order_by("pk")) == settled


def test_of_two_answers_of_one_person_in_a_file_the_last_counts() -> None:
    project = make_project()
    report = take(project, vote("ana"), vote("ana", "Coffee", "Tea"))
    assert (report.judgments_new, report.judgments_replaced) == (1, 1)
    assert said(project) == {"ana": "Coffee"}


def test_what_somebody_said_before_is_kept_as_superseded() -> None:
    project = make_project()
    answers = [vote("ana"), vote("ana", kind="tie"), vote("ben"), vote("ana", "Coffee", "Tea")]
    take(project, *answers)
    first, second, last = Judgment.objects.filter(labeler__first_name="ana").order_by("pk")
    assert [one.kind for one in (first, second, last)] == ["prefer", "tie", "prefer"]
    assert (second.supersedes, last.supersedes) == (first, second)
    assert first.superseded_at
    assert second.superseded_at
    assert last.superseded_at is None
    assert Assignment.objects.filter(labeler__first_name="ana").count() == 1
    before = list(Judgment.objects.values().order_by("pk"))
    take(project, *answers)
    assert list(Judgment.objects.values().order_by("pk")) == before


def test_the_files_times_say_which_answer_is_the_last() -> None:
    project = make_project()
    late, early = "2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"
    take(project, vote("ana", judged_at=late), vote("ana", "Coffee", "Tea", judged_at=early))
    assert said(project) == {"ana": "Tea"}
    standing = Judgment.objects.get(superseded_at__isnull=True)
    assert standing.created_at.isoformat() == "2026-01-02T00:00:00+00:00"


def test_a_later_file_supersedes_and_settles_anew() -> None:
    project = make_project()
    take(project, vote("ana"), vote("ben"))
    report = take(project, vote("ana", "Coffee", "Tea"), vote("cleo", "Coffee", "Tea"))
    assert (report.judgments_new, report.judgments_replaced) == (2, 1)
    assert (report.labelers_new, report.preferences_resettled) == (1, 1)
    assert said(project) == {"ana": "Coffee", "ben": "Tea", "cleo": "Coffee"}
    assert Preference.objects.get().chosen.text == "Coffee"
    old = Judgment.objects.get(superseded_at__isnull=False)
    assert old.superseded_by.labeler == old.labeler


def test_an_earlier_answer_in_a_later_file_does_not_replace_a_later_one() -> None:
    project = make_project()
    take(project, vote("ana", judged_at="2026-01-02T00:00:00Z"))
    report = take(project, vote("ana", "Coffee", "Tea", judged_at="2026-01-01T00:00:00Z"))
    assert (report.judgments_new, report.judgments_replaced) == (0, 1)
    assert said(project) == {"ana": "Tea"}


def test_what_the_file_tells_of_a_judgment_is_kept() -> None:
    project = make_project()
    more: dict[str, Any] = {
        "strength": 2, "rationale": "Warmer.", "seconds": 12.5, "shown_first": "rejected",
        "aspects": {"taste": "rejected", "price": None},
    }  # fmt: skip
    take(project, vote("ana", **more))
    judgment = Judgment.objects.get()
    tea, coffee = (judgment.comparison.responses.get(text=text).pk for text in ("Tea", "Coffee"))
    assert (judgment.tiers, judgment.order) == ([[tea], [coffee]], [coffee, tea])
    assert (judgment.strength, judgment.rationale, judgment.seconds) == (2, "Warmer.", 12.5)
    assert judgment.aspects == {"taste": coffee, "price": None}
    assert Preference.objects.get().strength == 2


def test_a_side_that_the_file_does_not_tell_is_none() -> None:
    project = make_project()
    take(project, vote("ana"), vote("ben", shown_first="chosen"))
    side = figures.left_share(project)
    assert side is not None
    assert (side.value, side.count) == (1.0, 1)


def test_rows_without_annotator_are_votes_as_ever() -> None:
    project = make_project()
    rows = [vote(None), vote(None), vote("", "Coffee", "Tea")]
    report = take(project, *rows)
    assert (report.votes_counted, report.judgments_new) == (2, 0)
    assert Preference.objects.get().provenance == "imported"
    assert not User.objects.filter(outside_project=project).exists()


def test_unnamed_votes_beside_named_ones_are_left_out_and_counted() -> None:
    project = make_project()
    report = take(project, vote(None, "Coffee", "Tea"), vote("ana"))
    assert (report.votes_unnamed, report.judgments_new, report.preferences_new) == (1, 1, 1)
    assert Preference.objects.get().chosen.text == "Tea"


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"annotator": ["ana"]}, "annotator"),
        ({"annotator": "x" * 151}, "annotator"),
        ({"annotator": "a\x00"}, "annotator"),
        ({"target": 0.8}, "target"),
        ({"weight": 0.5}, "weight"),
        ({"strength": 1.5}, "strength"),
        ({"seconds": -1}, "seconds"),
        ({"judged_at": "yesterday"}, "judged_at"),
        ({"judged_at": "2999-01-01T00:00:00Z"}, "judged_at"),
        ({"shown_first": "left"}, "shown_first"),
        ({"aspects": {"taste": "left"}}, "aspects.taste"),
        ({"rationale": 3}, "rationale"),
    ],
)
def test_what_one_person_cannot_have_said_is_refused_by_field(
    more: dict[str, Any], field: str
) -> None:
    project = make_project()
    with pytest.raises(ImportRefused) as refused:
        take(project, vote("ana") | more)
    assert [one.field for one in refused.value.problems] == [field]
    assert not User.objects.filter(outside_project=project).exists()


def test_numbers_are_names_and_white_space_makes_no_other_person() -> None:
    project = make_project()
    report = take(project, vote(7), vote(7.0), vote(" 7 "), vote("Ana  B"), vote("ana b"))
    assert report.labelers_new == 3
    assert set(said(project)) == {"7", "Ana B", "ana b"}


def test_numbered_labelers_have_no_name_of_the_file_and_are_found_again() -> None:
    project = make_project()
    take(project, vote("ana@example.org"), vote("ben"), number_labelers=True)
    people = User.objects.filter(outside_project=project).order_by("pk")
    assert [str(person) for person in people] == ["annotator 1", "annotator 2"]
    assert not any("ana" in str(value) or "ben" in str(value) for value in people.values_list())
    report = take(project, vote("ana@example.org"), vote("cleo"), number_labelers=True)
    assert (report.labelers_new, report.judgments_merged) == (1, 1)
    assert [str(person) for person in people.all()][2] == "annotator 3"


def test_nobody_signs_in_as_an_outside_labeler() -> None:
    project = make_project()
    take(project, vote("ana"))
    person = User.objects.get(outside_project=project)
    assert not person.has_usable_password()
    assert (person.is_active, person.email) == (False, "")
    person.set_password("a-word-that-somebody-set")
    person.save()
    request = RequestFactory().post("/")
    word = "a-word-that-somebody-set"
    assert authenticate(request, username=person.username, password=word) is None
    for change in ({"is_active": True}, {"email": "a@b.org"}, {"is_superuser": True}):
        with pytest.raises(IntegrityError), transaction.atomic():
            User.objects.filter(pk=person.pk).update(**change)


def test_a_real_account_of_that_name_has_nothing_to_do_with_it() -> None:
    project = make_project()
    real = make_member(project, name="ana")
    take(project, vote("ana"))
    assert not Judgment.objects.filter(labeler=real).exists()
    assert User.objects.filter(outside_project=project).exclude(pk=real.pk).count() == 1


def test_the_same_name_in_another_project_is_another_labeler() -> None:
    one, other = make_project(), make_project()
    take(one, vote("ana"))
    take(other, vote("ana"))
    assert User.objects.filter(first_name="ana").count() == 2


def test_outside_labelers_are_paused_members_and_go_with_their_project() -> None:
    project = make_project()
    take(project, vote("ana"))
    membership = Membership.objects.get(project=project, user__outside_project=project)
    assert (membership.is_paused, membership.role) == (True, "labeler")
    project.delete()
    assert not User.objects.filter(pk=membership.user_id).exists()


def test_a_pair_that_people_were_asked_about_stays_theirs() -> None:
    project = make_project()
    take(project, {"prompt": "Tea or coffee?", "responses": ["Tea", "Coffee"]})
    claim_and_judge(make_member(project, name="real"), project)
    report = take(project, vote("ana"), vote("ben"))
    assert (report.left_to_people, report.judgments_new) == (1, 0)
    assert Judgment.objects.get().labeler.username == "real"


def test_a_pair_that_waits_for_people_is_taken_out_of_the_queue() -> None:
    project = make_project(overlap=2)
    take(project, {"prompt": "Tea or coffee?", "responses": ["Tea", "Coffee"]})
    report = take(project, vote("ana"))
    assert (report.judgments_new, report.preferences_new) == (1, 1)
    comparison = Comparison.objects.get()
    assert (comparison.state, comparison.wanted, comparison.slots_left) == ("finished", 1, 0)


def test_named_judgments_take_the_place_of_what_an_earlier_file_settled() -> None:
    project = make_project()
    take(project, vote(None, "Coffee", "Tea"))
    report = take(project, vote("ana"), vote("ben"))
    assert (report.preferences_resettled, report.judgments_new) == (1, 2)
    preference = Preference.objects.get()
    assert (preference.chosen.text, preference.provenance) == ("Tea", "unanimous")


def test_an_outside_labelers_judgments_are_taken_out_like_anybodys() -> None:
    project = make_project()
    take(project, vote("ana"), vote("ben"), vote("cleo", "Coffee", "Tea"))
    curator = make_member(project, "curator")
    for name in ("ana", "ben"):
        member = Membership.objects.get(project=project, user__first_name=name)
        exclusion.take_out(member, curator, "careless")
    preference = Preference.objects.get()
    assert (preference.chosen.text, preference.votes_chosen) == ("Coffee", 1)


def test_what_a_labeler_out_of_training_said_elsewhere_does_not_count_either() -> None:
    project = make_project()
    take(project, vote("ana"))
    member = Membership.objects.get(project=project, user__first_name="ana")
    exclusion.take_out(member, make_member(project, "curator"), "careless")
    other = {"prompt": "Cat or dog?", "chosen": "Cat", "rejected": "Dog"}
    report = take(project, {**other, "annotator": "ana"})
    assert (report.judgments_new, report.preferences_new) == (1, 0)
    judgment = Judgment.objects.latest("pk")
    assert judgment.excluded_at is not None
    assert judgment.comparison.state == "open"


def test_weights_are_estimated_and_reach_the_preferences() -> None:
    project = make_project()
    rows = []
    for number in range(30):
        prompt = {"prompt": f"Question {number}?"}
        rows += [vote("ana") | prompt, vote("ben") | prompt]
        rows.append(vote("cleo", "Coffee", "Tea") | prompt)
    take(project, *rows)
    update_reliability(project)
    weights = dict(project.memberships.values_list("user__first_name", "reliability"))
    assert weights["cleo"] < weights["ana"]
    assert Preference.objects.earliest("pk").target > 2 / 3


def test_a_dry_run_says_the_same_and_stores_nothing() -> None:
    project = make_project()
    take(project, vote("ana"), {"prompt": "Milk?", "responses": ["Yes", "No"]})
    rows = [
        vote("ana", "Coffee", "Tea"), vote("ben"), vote(None), vote("ben"),
        {"prompt": "Milk?", "chosen": "Yes", "rejected": "No", "annotator": "cleo"},
        {"prompt": "Sugar?", "chosen": "Yes", "rejected": "No", "annotator": "ben"},
    ]  # fmt: skip
    before = Judgment.objects.count(), User.objects.count()
    rehearsed = take(project, *rows, dry_run=True).as_dict()
    assert (Judgment.objects.count(), User.objects.count()) == before
    stored = take(project, *rows).as_dict()
    apart = {"seconds": 0, "dry_run": False, "import_id": 0}
    assert rehearsed | apart == stored | apart
    assert (stored["labelers_new"], stored["judgments_new"]) == (2, 4)


def test_rows_of_a_pair_that_are_far_apart_are_stored_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("labeling.importing.CHUNK_ROWS", 1)
    project = make_project()
    report = take(project, vote("ana"), vote("ben", "Coffee", "Tea"), vote("cleo"))
    assert (report.judgments_new, report.preferences_new) == (3, 1)
    assert Assignment.objects.filter(state="judged").count() == 3


def test_more_people_than_fit_are_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labeling.importing.lines.said.MOST_LABELERS", 2)
    project = make_project()
    with pytest.raises(ImportRefused, match="1 error"):
        take(project, vote("ana"), vote("ben"), vote("cleo"))
    assert not Comparison.objects.exists()
