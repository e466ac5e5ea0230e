"""What the reward model contradicts: raised, ordered, confirmed, and void once it has changed."""

import pytest
from django.urls import reverse
from django.utils import timezone

from labeling.curation import doubts
from labeling.curation.doubts import Contradiction, note_doubts, open_doubts
from labeling.curation.finding import PreferenceFilter, Window, matching, preference_page
from labeling.models import AuditEntry, Doubt, Preference, Role
from tests.factories import claim_and_judge, make_comparisons, make_member, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    project = make_project(gold_share=0.0, random_share=0.0)
    make_comparisons(project, 3)
    labeler = make_member(project)
    for _ in range(3):
        claim_and_judge(labeler, project)
    return project


@pytest.fixture
def curator(project):
    return make_member(project, Role.CURATOR, "curator")


def settled(project):
    return list(Preference.objects.filter(project=project).order_by("pk"))


def contradict(project, *strengths, version=7, as_of=None):
    rows = settled(project)
    contradictions = [
        Contradiction(row.pk, strength, 3, 4, True)
        for row, strength in zip(rows, strengths, strict=False)
    ]
    return note_doubts(project, version, contradictions, as_of)


def in_order(project, **places):
    rows = matching(project, PreferenceFilter(doubt="open"), Window())
    return [row.pk for row in preference_page(rows, by_doubt=True, **places).rows]


def test_the_most_strongly_contradicted_comes_first(project):
    first, second, third = settled(project)
    assert contradict(project, 0.7, 0.99, 0.8) == 3
    assert in_order(project) == [second.pk, third.pk, first.pk]
    assert in_order(project, before=second.pk) == [third.pk, first.pk]
    assert in_order(project, after=first.pk) == [second.pk, third.pk]


def test_another_models_doubts_replace_those_of_the_one_before(project):
    contradict(project, 0.7, 0.99)
    contradict(project, 0.9, version=8)
    assert list(Doubt.objects.values_list("model_version", flat=True)) == [8]


def test_what_a_curator_has_confirmed_is_not_asked_again(project, curator):
    first, *_ = settled(project)
    contradict(project, 0.9)
    assert doubts.confirm(first, curator)
    assert not doubts.confirm(first, curator), "somebody was faster"
    assert open_doubts(project) == 0
    assert contradict(project, 0.95, 0.8, version=8) == 1
    assert Doubt.objects.get(preference=first).model_version == 7
    assert AuditEntry.objects.get(action="confirm").target_id == str(first.pk)
    assert doubts.doubt_again(first, curator)
    assert open_doubts(project) == 2


def test_a_preference_that_was_turned_round_is_no_longer_in_doubt(project, curator):
    first, *_ = settled(project)
    contradict(project, 0.9)
    doubts.confirm(first, curator)
    Preference.objects.filter(pk=first.pk).update(chosen=first.rejected, rejected=first.chosen)
    first.refresh_from_db()
    assert doubts.doubt_of(first) is None
    assert contradict(project, 0.8, version=8) == 1, "it may be doubted anew"


def test_only_what_the_model_saw_is_doubted(project):
    first, second, third = settled(project)
    before = second.settled_at
    Preference.objects.filter(pk=first.pk).update(settled_at=timezone.now())
    assert contradict(project, 0.9, 0.9, 0.9, as_of=before) == 1
    Preference.objects.filter(pk=second.pk).update(excluded=True, excluded_reason="wrong")
    assert open_doubts(project) == 0
    assert third.pk not in in_order(project)


def test_curators_find_the_reason_and_settle_it(client, project, curator):
    first, second, _ = settled(project)
    contradict(project, 0.75, 0.96)
    client.force_login(curator)
    table = client.get(reverse("preferences", args=[project.slug]), {"doubt": "open"})
    assert [row.preference.pk for row in table.context["rows"]] == [second.pk, first.pk]
    assert "model disagrees 96 %" in table.content.decode()
    (facet,) = [f for f in table.context["facets"] if f.name == "doubt"]
    assert [(c.label, c.count, c.selected) for c in facet.choices] == [("disagrees", 2, True)]
    page = client.get(reverse("preference", args=[project.slug, second.pk])).content.decode()
    assert "with a probability of 96 %, 3 of its 4 members do, although it has learned" in page
    url = reverse("preference-doubt", args=[project.slug, second.pk])
    answer = client.post(url, {"at": "page", "open": second.pk}, follow=True)
    assert f"Preference {second.pk} is confirmed." in answer.content.decode()
    assert "Confirmed by curator against reward model v7." in answer.content.decode()
    assert open_doubts(project) == 1
    client.post(url, {"again": "1"})
    assert open_doubts(project) == 2


def test_labelers_do_not_see_what_the_model_thinks(client, project):
    first, *_ = settled(project)
    client.force_login(make_member(project))
    assert (
        client.post(reverse("preference-doubt", args=[project.slug, first.pk])).status_code == 403
    )
