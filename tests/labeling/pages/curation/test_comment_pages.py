"""Comments on the pages of preferences, of one's own answers, and in their list."""

import pytest
from django.test import Client
from django.urls import reverse

from labeling.curation.comments import add_comment
from labeling.models import Comment, Judgment, Preference, Role
from tests.factories import claim_and_judge, make_comparisons, make_member, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    project = make_project()
    make_comparisons(project, 2)
    return project


@pytest.fixture
def labeler(project):
    person = make_member(project, Role.LABELER, "lee")
    claim_and_judge(person, project)
    return person


@pytest.fixture
def curator(project):
    return make_member(project, Role.CURATOR, "cora")


def signed_in(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


HTMX = {"HX-Request": "true"}


def address(project, preference, name="comment-add"):
    return reverse(name, args=[project.slug, preference.comparison_id])


def test_a_curator_comments_from_a_preference_and_finds_it_there(project, labeler, curator):
    preference, client = Preference.objects.get(), signed_in(curator)
    page = reverse("preference", args=[project.slug, preference.pk])
    answer = client.post(address(project, preference), {"text": "<b>Why?</b>", "next": page})
    assert answer["Location"] == page
    html = client.get(page).content.decode()
    assert "&lt;b&gt;Why?&lt;/b&gt;" in html and "<b>Why?</b>" not in html


def test_htmx_gets_the_thread_and_a_refused_text_stays_in_the_form(project, labeler, curator):
    preference, client = Preference.objects.get(), signed_in(curator)
    said = client.post(address(project, preference), {"text": "Hm"}, headers=HTMX)
    assert said.status_code == 200 and b">Hm</p>" in said.content
    long = "x" * 5_001
    refused = client.post(address(project, preference), {"text": long}, headers=HTMX)
    assert refused.status_code == 422
    assert long in refused.content.decode() and b"these are 5,001" in refused.content


def test_a_labeler_reads_what_is_for_them_beside_their_answer(project, labeler, curator):
    comparison = Preference.objects.get().comparison_id
    add_comment(project, curator, comparison, "Look at the source.", to_labelers=True)
    add_comment(project, curator, comparison, "Among curators.")
    client = signed_in(labeler)
    own = reverse("my-judgment", args=[project.slug, Judgment.objects.get().pk])
    for page in (
        own,
        reverse("my-work", args=[project.slug]),
        reverse("comments", args=[project.slug]),
    ):
        html = client.get(page).content.decode()
        assert "Look at the source." in html and "Among curators." not in html


def test_a_labeler_settles_no_comment(project, labeler, curator):
    comment = add_comment(project, curator, Preference.objects.get().comparison_id, "Hm")
    answer = signed_in(labeler).post(reverse("comment-resolve", args=[project.slug, comment.pk]))
    assert answer.status_code == 403
    assert Comment.objects.get().resolved_at is None


def test_a_curator_settles_a_comment_in_the_list(project, labeler, curator):
    comment = add_comment(project, curator, Preference.objects.get().comparison_id, "Hm")
    client, listed = signed_in(curator), reverse("comments", args=[project.slug])
    client.post(reverse("comment-resolve", args=[project.slug, comment.pk]), {"next": listed})
    assert "No open comments" in client.get(listed).content.decode()
    assert ">Hm</p>" in client.get(f"{listed}?state=resolved").content.decode()


def test_a_form_leads_back_to_this_site_alone(project, labeler, curator):
    preference, client = Preference.objects.get(), signed_in(curator)
    sent = {"text": "Hm", "next": "//evil.example/"}
    answer = client.post(address(project, preference), sent)
    assert answer["Location"] == reverse("comments", args=[project.slug])


def test_the_list_costs_the_same_however_many_there_are(
    project, labeler, curator, django_assert_max_num_queries
):
    comparison = Preference.objects.get().comparison_id
    for number in range(12):
        add_comment(project, curator, comparison, f"Comment {number} for @lee", to_labelers=True)
    for person in (curator, labeler):
        client = signed_in(person)
        with django_assert_max_num_queries(14):
            assert client.get(reverse("comments", args=[project.slug])).status_code == 200


def test_no_page_tells_a_labeler_the_number_of_a_comparison(project, labeler, curator):
    """It would tell gold, which is made together, from work."""
    judgment = Judgment.objects.get()
    client = signed_in(labeler)
    note = reverse("note-add", args=[project.slug, judgment.pk])
    said = client.post(note, {"text": "I was unsure."}, headers=HTMX)
    assert said.status_code == 200 and Comment.objects.get().author == labeler
    own = reverse("my-judgment", args=[project.slug, judgment.pk])
    pages = [own, reverse("my-work", args=[project.slug]), reverse("comments", args=[project.slug])]
    for html in [said.content.decode(), *(client.get(page).content.decode() for page in pages)]:
        assert "/comparisons/" not in html and "Comparison " not in html


def test_a_labeler_does_not_try_numbers_of_comparisons(project, labeler, curator):
    preference, client = Preference.objects.get(), signed_in(labeler)
    for number in (preference.comparison_id, preference.comparison_id + 1, 10**12):
        tried = reverse("comment-add", args=[project.slug, number])
        assert client.post(tried, {"text": ""}, headers=HTMX).status_code == 403
    other = make_member(project, Role.LABELER, "olly")
    note = reverse("note-add", args=[project.slug, Judgment.objects.get().pk])
    assert signed_in(other).post(note, {"text": "Hm"}).status_code == 404
    assert not Comment.objects.exists()
