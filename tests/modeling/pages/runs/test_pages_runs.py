"""Run pages: live while a run is under way, telling what it came to afterwards."""

import re

import pytest
from django.urls import reverse
from django.utils import timezone

from modeling.models import Metric, Round, Run
from modeling.pages.chart_specs import run_curves, thin
from modeling.pages.runs import runs as run_pages
from modeling.pages.runs.run_results import flat_rows
from tests.factories import make_project
from tests.modeling.page_helpers import log_metrics, make_reward_model, make_run
from tests.modeling.pages.loop.test_pages_loop import poll_url, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project(name="Teatime")


def open_run(client, run, name="run"):
    return client.get(reverse(name, args=[run.pk]))


@pytest.mark.parametrize("name", ["run", "run-live"])
def test_runs_are_for_curators_and_admins(client, cast, project, name):
    run = make_run(project)
    statuses = {}
    for who, user in cast.items():
        client.force_login(user)
        statuses[who] = open_run(client, run, name).status_code
    assert statuses == {"admin": 200, "curator": 200, "labeler": 403, "outsider": 404}


@pytest.mark.parametrize("name", ["run-cancel", "run-retry"])
def test_only_admins_cancel_and_retry(client, cast, project, name):
    run = make_run(project, Run.State.RUNNING)
    for who in ("curator", "labeler", "outsider"):
        client.force_login(cast[who])
        assert client.post(reverse(name, args=[run.pk])).status_code in (403, 404)
    run.refresh_from_db()
    assert not run.cancel_requested


def test_a_running_run_shows_how_far_it_is_and_its_log(admin, project):
    run = make_run(
        project, Run.State.RUNNING, progress=0.25, seconds_left=130, progress_text="epoch 1 of 4"
    )
    run.folder.mkdir(parents=True)
    (run.folder / "log.txt").write_text("loading\nstep 1 <script>\n")
    page = open_run(admin, run)
    assert "25 % · about 2 min left epoch 1 of 4" in text_of(page)
    assert b"step 1 &lt;script&gt;" in page.content
    assert b"every 2s" in page.content


@pytest.mark.parametrize("state", [Run.State.SUCCEEDED, Run.State.FAILED, Run.State.CANCELLED])
def test_a_run_that_has_ended_is_not_polled(admin, project, state):
    assert b"hx-get" not in open_run(admin, make_run(project, state)).content


def test_a_failure_comes_with_its_reason_first(admin, project):
    error = "The disk is full.\nFree some space, then try again."
    page = open_run(admin, make_run(project, Run.State.FAILED, error=error)).content.decode()
    assert re.search(r"<h2>The disk is full\.</h2>", page)
    assert page.index("The disk is full") < page.index("Free some space") < page.index("Log</h2>")
    assert "Try again</button>" in page


def test_a_success_links_to_what_it_made(admin, project):
    model = make_reward_model(project)
    page = open_run(admin, model.run).content.decode()
    assert reverse("reward-model", args=[model.pk]) in page
    assert "The dev split is small." in page


def test_an_improvement_links_to_the_policy_it_made(admin, project):
    run = make_run(project, kind="train_policy", results={"policy": 3})
    page = open_run(admin, run)
    assert "Made policy v3 ." in text_of(page)
    assert f"{reverse('policies', args=[project.slug])}#policy-3" in page.content.decode()
    assert "policy v3" in text_of(admin.get(reverse("runs", args=[project.slug])))


def test_a_comparison_links_to_its_round(admin, project):
    a_round = Round.objects.create(project=project, number=4, started_at=timezone.now())
    run = make_run(project, kind="compare", round=a_round, results={"comparisons": 12})
    page = open_run(admin, run)
    assert "12 pairs to compare blind: see round 4 ." in text_of(page)
    assert "before=5#round-4" in page.content.decode()


@pytest.mark.parametrize("kind", ["sample", "compare"])
def test_the_warnings_of_every_stage_are_shown(admin, project, kind):
    results = {
        "sample": {"warnings": ["Two prompts were refused."]},
        "score": {"warnings": ["One text was cut."]},
        "comparisons": 3,
    }
    page = text_of(open_run(admin, make_run(project, kind=kind, results=results)))
    before_the_table = page.split("All results")[0]
    assert "Two prompts were refused. One text was cut." in before_the_table


def test_the_live_part_comes_again_only_when_it_has_changed(admin, project):
    run = make_run(project, Run.State.RUNNING, progress=0.1)
    first = open_run(admin, run)
    assert admin.get(poll_url(first)).status_code == 204
    Run.objects.filter(pk=run.pk).update(progress=0.2)
    second = admin.get(poll_url(first))
    assert "20 %" in text_of(second)
    assert b'id="run-curves"' not in second.content


def test_the_curves_come_again_only_when_they_have_grown(admin, project):
    run = make_run(project, Run.State.RUNNING)
    log_metrics(run, "train/loss", [0.7, 0.6])
    first = open_run(admin, run)
    assert b"canvas data-chart" in first.content
    log_metrics(run, "dev/accuracy", [0.55])
    second = admin.get(poll_url(first))
    assert b'id="run-curves"' in second.content
    assert admin.get(poll_url(second)).status_code == 204


def test_what_the_guard_looks_at_is_drawn_by_step(admin, project):
    """The members' variance only where there are several."""
    run = make_run(project, Run.State.RUNNING, kind="train_policy")
    for name in ("reward", "objective/kl", "completions/mean_length"):
        log_metrics(run, name, [1.0, 2.0])
    log_metrics(run, "reward_variance", [0.0, 0.0])
    page = text_of(open_run(admin, run))
    assert "Length by step, in tokens" in page
    assert "Disagreement of the reward models" not in page
    Metric.objects.filter(run=run, name="reward_variance").update(value=0.3)
    assert "Disagreement of the reward models" in text_of(open_run(admin, run))


def test_the_last_poll_of_a_run_stops_the_polling(admin, project):
    run = make_run(project, Run.State.RUNNING)
    first = open_run(admin, run)
    Run.objects.filter(pk=run.pk).update(state=Run.State.SUCCEEDED)
    last = admin.get(poll_url(first))
    assert b'id="run-live"' in last.content
    assert b"hx-get" not in last.content


def test_cancelling_a_waiting_run_takes_it_out_of_the_line(admin, project):
    run = make_run(project, Run.State.QUEUED)
    answer = admin.post(reverse("run-cancel", args=[run.pk]), follow=True)
    assert "taken out of the line" in text_of(answer)
    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED


def test_cancelling_a_running_run_asks_it_to_stop(admin, project):
    run = make_run(project, Run.State.RUNNING)
    answer = admin.post(reverse("run-cancel", args=[run.pk]), follow=True)
    assert "stopping" in text_of(answer)
    assert b"Cancel</button>" not in answer.content


def test_trying_again_puts_a_failed_run_in_the_line(admin, project):
    run = make_run(project, Run.State.FAILED, error="Killed.")
    admin.post(reverse("run-retry", args=[run.pk]))
    run.refresh_from_db()
    assert run.state == Run.State.QUEUED
    again = admin.post(reverse("run-retry", args=[run.pk]), follow=True)
    assert "Only a run that failed" in text_of(again)


def test_the_list_goes_on_page_by_page(admin, project, monkeypatch):
    monkeypatch.setattr(run_pages, "PAGE_SIZE", 2)
    made = [make_run(project) for _ in range(5)]
    url, seen = reverse("runs", args=[project.slug]), []
    query = ""
    while query is not None:
        page = admin.get(url + query)
        seen += [run.pk for run in page.context["runs"]]
        older = page.context["older_than"]
        query = f"?before={older}" if older else None
    assert seen == [run.pk for run in reversed(made)]


def test_the_list_is_filtered_by_its_address(admin, project):
    failed = make_run(project, Run.State.FAILED, error="Out of memory.")
    make_run(project)
    url = reverse("runs", args=[project.slug])
    assert list(admin.get(f"{url}?state=failed").context["runs"]) == [failed]
    assert len(admin.get(f"{url}?state=nonsense&before=x").context["runs"]) == 2


def test_the_list_costs_the_same_whatever_its_length(admin, project, django_assert_max_num_queries):
    for _ in range(8):
        make_reward_model(project)
    with django_assert_max_num_queries(8):
        admin.get(reverse("runs", args=[project.slug]))


def test_long_curves_are_thinned_to_means():
    curve = [(step, float(step % 2)) for step in range(1, 1001)]
    thinned = thin(curve, most=100)
    assert len(thinned) == 100
    assert thinned[-1] == (1000, 0.5)
    assert thin([], most=100) == []


def test_curves_of_two_splits_share_their_steps():
    curves = {"train/loss": [(1, 0.7), (2, 0.6)], "dev/loss": [(2, 0.65)]}
    spec = run_curves(curves, "loss")
    assert spec["labels"] == [1, 2]
    assert [series["data"] for series in spec["series"]] == [[0.7, 0.6], [None, 0.65]]
    assert run_curves(curves, "accuracy") is None


def test_nested_results_become_rows():
    rows = flat_rows({"loss": {"test": 0.61234}, "ok": True, "config": {}}, leave_out=("config",))
    assert rows == [("loss · test", "0.6123"), ("ok", "yes")]
