"""The loop's page: what it shows, what it asks for, and how it is polled."""

import re

import pytest
from django.urls import reverse

from labeling.models import Role
from modeling.loop.overview import loop_summary
from modeling.loop.rounds import advance
from modeling.models import Run
from modeling.pages.loop import ring
from modeling.pages.loop.loop import charts_mark, primary_action
from tests.factories import (
    claim_and_judge,
    make_comparison,
    make_comparisons,
    make_member,
    make_project,
    make_prompt,
)
from tests.modeling.loop_helpers import make_policy
from tests.modeling.page_helpers import make_history, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project(name="Teatime", retrain_after=10)


def text_of(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def poll_url(response):
    """The address that the page's live part asks again."""
    address = re.search(r'hx-get="([^"]+)"', response.content.decode())
    assert address
    return address[1].replace("&amp;", "&")


def page(client, user, project, name="project"):
    client.force_login(user)
    return client.get(reverse(name, args=[project.slug]))


@pytest.mark.parametrize("name", ["project", "project-loop", "queue-hint"])
def test_every_member_sees_the_loop_and_nobody_else(client, cast, project, name):
    for who in ("admin", "curator", "labeler"):
        assert page(client, cast[who], project, name).status_code == 200
    assert page(client, cast["outsider"], project, name).status_code == 404


def test_the_stations_carry_the_numbers(client, cast, project):
    make_history(project, 2)
    make_comparisons(project, 4)
    claim_and_judge(cast["labeler"], project)
    shown = text_of(page(client, cast["admin"], project))
    assert "Policy v1 p" in shown
    assert "Queue 3 waiting 20 % at random" in shown
    assert "Judgments 1 1 today" in shown
    assert "Preferences 1 one judgment each" in shown
    assert "Reward model v2 62.0 % ± 2.0" in shown
    assert "Round 2 policy v1 · 0 judgments · reward model v2 62.0 % ± 2.0 (+1.0)" in shown


def test_a_labeler_gets_no_links_that_would_be_refused(client, cast, project):
    make_history(project, 1)
    make_run(project, Run.State.FAILED, error="The disk is full.")
    links = re.findall(r'href="(/[^"]+)"', page(client, cast["labeler"], project).content.decode())
    addresses = {link for link in links if not link.startswith("/static/")}
    assert addresses
    for link in addresses:
        assert client.get(link, follow=True).status_code == 200, link


def action_of(project, role=Role.ADMIN):
    project.role_of_viewer = role
    action = primary_action(project, loop_summary(project))
    return action.label if action else None


def test_the_first_thing_to_do_is_to_import(project):
    assert action_of(project) == "Import prompts"
    assert action_of(project, Role.LABELER) is None


def test_prompts_alone_need_a_policy(project):
    make_prompt(project)
    advance(project)
    assert action_of(project) == "Register a policy"


def test_a_queue_is_there_to_be_labeled(project):
    make_comparison(project)
    for role in Role:
        assert action_of(project, role) == "Label"


def test_a_paused_project_is_for_its_admin_to_open(project):
    project.is_paused = True
    make_comparison(project)
    assert action_of(project) == "Open settings"
    assert action_of(project, Role.LABELER) is None


def test_a_loop_that_is_switched_off_is_started_by_hand(project, tmp_path):
    make_policy(project, tmp_path / "policy")
    make_prompt(project)
    project.loop_settings.loop_enabled = False
    assert action_of(project) == "Start sampling"


def test_a_run_under_way_is_watched_when_nothing_can_be_labeled(project, tmp_path):
    make_policy(project, tmp_path / "policy")
    make_prompt(project)
    make_run(project, Run.State.RUNNING, kind=Run.Kind.SAMPLE)
    assert action_of(project) == "Watch the run"
    assert action_of(project, Role.CURATOR) == "Watch the run"
    assert action_of(project, Role.LABELER) is None


def test_a_run_under_way_is_drawn_on_its_way_of_the_ring(client, cast, project):
    make_run(project, Run.State.RUNNING, progress=0.64, seconds_left=42)
    shown = page(client, cast["admin"], project)
    assert b'<g class="way is-busy">' in shown.content
    assert "64 % · about 45 s left" in text_of(shown)
    assert b"every 3s" in shown.content


def test_the_ways_join_the_stations_in_a_ring():
    drawn = ring.ways({})
    ends = [re.findall(r"-?[\d.]+ -?[\d.]+(?=$|A)", way.path) for way in drawn]
    for (_, end), (start, _) in zip(ends, [*ends[1:], ends[0]], strict=True):
        assert end == start


def test_a_failed_run_is_named_in_words(client, cast, project):
    make_run(project, Run.State.FAILED, error="The disk is full.\nTraceback: …")
    shown = text_of(page(client, cast["admin"], project))
    assert "The disk is full." in shown
    assert "Traceback" not in shown


def test_a_poll_that_finds_nothing_new_changes_nothing(client, cast, project):
    make_history(project, 1)
    first = page(client, cast["admin"], project)
    assert client.get(poll_url(first)).status_code == 204


def test_a_poll_brings_new_numbers_and_leaves_the_charts(client, cast, project):
    make_history(project, 1)
    first = page(client, cast["admin"], project)
    make_comparison(project)
    second = client.get(poll_url(first))
    assert "Queue 1 waiting" in text_of(second)
    assert b'id="loop-charts"' not in second.content
    assert client.get(poll_url(second)).status_code == 204


def test_a_poll_brings_the_charts_when_a_day_has_more_judgments(client, cast, project):
    make_comparison(project)
    first = page(client, cast["admin"], project)
    claim_and_judge(cast["labeler"], project)
    second = client.get(poll_url(first))
    assert b'id="loop-charts"' in second.content
    assert b'hx-swap-oob="true"' in second.content


def test_the_charts_are_not_counted_anew_for_every_judgment_of_many():
    assert charts_mark([], 0) != charts_mark([], 1)
    assert charts_mark([], 50_000) == charts_mark([], 50_001) != charts_mark([], 52_000)
    assert charts_mark([], 50_000).isalnum(), "it travels in an address"


def test_the_page_costs_the_same_whatever_has_happened(
    client, cast, project, django_assert_max_num_queries
):
    make_history(project, 12)
    make_comparisons(project, 12, wanted=2)
    for _ in range(6):
        claim_and_judge(cast["labeler"], project)
    client.force_login(cast["admin"])
    with django_assert_max_num_queries(34):
        assert client.get(reverse("project", args=[project.slug])).status_code == 200


@pytest.mark.parametrize("name", ["train-now", "sample-now"])
def test_only_admins_start_runs(client, cast, project, name):
    url = reverse(name, args=[project.slug])
    for who in ("curator", "labeler", "outsider"):
        client.force_login(cast[who])
        assert client.post(url).status_code in (403, 404)
    client.force_login(cast["admin"])
    assert client.get(url).status_code == 405
    assert not Run.objects.exists()


def test_what_cannot_be_started_says_why(client, cast, project):
    client.force_login(cast["admin"])
    answer = client.post(reverse("sample-now", args=[project.slug]), follow=True)
    assert "Register a policy first" in text_of(answer)


def test_retraining_by_hand_queues_a_run(client, cast, project, tmp_path):
    make_policy(project, tmp_path / "policy")
    make_comparison(project)
    claim_and_judge(cast["labeler"], project)
    client.force_login(cast["admin"])
    answer = client.post(reverse("train-now", args=[project.slug]), follow=True)
    assert "being retrained" in text_of(answer)
    assert Run.objects.get().kind == Run.Kind.TRAIN_REWARD


def test_a_labeler_with_nothing_to_compare_sees_what_brings_new_pairs(client, cast, project):
    make_run(project, Run.State.RUNNING, kind=Run.Kind.SAMPLE, progress=0.5, seconds_left=30)
    shown = text_of(page(client, cast["labeler"], project, "queue-hint"))
    assert "New responses are being written" in shown
    assert "50 % · about 30 s left" in shown


def test_the_hint_offers_the_next_comparison_only_to_who_may_judge_it(client, cast, project):
    make_comparison(project, wanted=2)
    claim_and_judge(cast["labeler"], project)
    assert "Look for" not in text_of(page(client, cast["labeler"], project, "queue-hint"))
    other = make_member(project)
    assert "Look for the next" in text_of(page(client, other, project, "queue-hint"))
