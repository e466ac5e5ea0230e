"""Pages of reward models in a real browser: axe, phones, both themes, by keyboard alone."""

from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from labeling.curation.doubts import Contradiction, note_doubts
from labeling.models import Preference, Role
from modeling.models import Foretold, Loop, RewardModel, Run
from modeling.reward_models import service, serving
from tests.chromium import sign_in, violations
from tests.factories import claim_and_judge, make_comparisons, make_member, make_project
from tests.modeling.page_helpers import log_metrics, make_reward_model, make_run, with_folder
from tests.modeling.pages.reward_models.test_pages_model_report import ensemble, predict

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def project(settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A model in service, an ensemble with everything measured, and the one before it."""
    settings.DATA_DIR = tmp_path
    project = make_project(name="Teatime", gold_share=0.0)
    make_member(project, Role.ADMIN, "owner")
    make_comparisons(project, 20)
    labeler = make_member(project)
    for _ in range(20):
        claim_and_judge(labeler, project)
    old, new = make_reward_model(project, 0.66), ensemble(make_reward_model(project, 0.71))
    first = Preference.objects.earliest("pk").pk
    for model in (old, new):
        predict(model, [1.0, -0.5, 2.0, 1.5, -1.0, 0.5] * 20, first=first)
    figure = {"value": 0.7, "low": 0.62, "high": 0.78, "n": 90}
    new.results |= {
        "learning_curve": [
            {"comparisons": 100 * at, "accuracy": figure, "split": "test"} for at in (1, 2, 4)
        ],
        "gate": {"passed": True, "reason": "x", "checks": [
            {"name": "Test split", "passed": True, "text": "Not clearly worse."},
            {"name": "Length", "passed": None, "text": "Too few."},
        ]},
    }  # fmt: skip
    new.save()
    Loop.objects.create(project=project)
    service.make_live(with_folder(old), None)
    service.make_live(with_folder(new), None)
    for row in Preference.objects.all():
        said = {"preference": row, "margin": 1.0, "loss": 0.3}
        Foretold.objects.create(reward_model=new, point=1.0, **said)
        Foretold.objects.create(reward_model=old, point=0.0, in_shadow=True, **said)
    rows = [Contradiction(pk, 0.9, 3, 3, True) for pk in (first, first + 1)]
    note_doubts(project, new.version, rows, None)

    def score(model: RewardModel, texts: Any) -> Any:
        count = model.member_count
        members = [[float(len(one.response) + at) for at in range(count)] for one in texts]
        return serving.combined(texts, members, serving.Aggregation(), 20.0)

    monkeypatch.setattr(serving, "score", score)
    return project


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_no_page_breaks_a_rule_of_axe_or_is_wider_than_the_screen(
    page: Page, live_server: Any, project: Any, scheme: Any, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    sign_in(page, live_server, "owner")
    failed = make_run(project, Run.State.FAILED, error="No.\nDo this.\nWhere: there/" + "x" * 90)
    log_metrics(failed, "train/loss", [0.7, 0.6, 0.5])
    first = Preference.objects.earliest("pk").pk
    addresses = [
        reverse("reward-models", args=[project.slug]),
        *(reverse("reward-model", args=[model.pk]) for model in RewardModel.objects.all()),
        reverse("reward-models-compare", args=[project.slug]),
        reverse("playground", args=[project.slug]),
        reverse("run", args=[failed.pk]),
        reverse("runs", args=[project.slug]),
        reverse("preferences", args=[project.slug]) + f"?doubt=open&open={first}",
    ]
    for address in addresses:
        page.goto(live_server.url + address)
        page.wait_for_load_state("networkidle")
        assert violations(page) == [], address
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address


def test_own_text_is_scored_by_keyboard(page: Page, live_server: Any, project: Any) -> None:
    sign_in(page, live_server, "owner")
    page.goto(live_server.url + reverse("playground", args=[project.slug]))
    page.get_by_label("Prompt").focus()
    for text in ("Why?", "Because of this and that.", "No."):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("dt", has_text="Reward of A")).to_have_count(2)
    expect(page.get_by_role("heading", name="Reward model v2")).to_be_visible()
    expect(page.get_by_role("heading", name="Reward model v1")).to_contain_text("in its shadow")
    page.get_by_text("Each of its 3 members").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("rowheader", name="3")).to_be_visible()
    assert violations(page) == []


def test_a_charts_numbers_are_a_table_behind_a_toggle(
    page: Page, live_server: Any, project: Any
) -> None:
    sign_in(page, live_server, "owner")
    model = RewardModel.objects.get(version=2)
    page.goto(live_server.url + reverse("reward-model", args=[model.pk]))
    curve = page.get_by_role("figure").filter(has_text="comparisons learned from")
    curve.get_by_text("Numbers").focus()
    page.keyboard.press("Enter")
    expect(curve.get_by_role("row", name="400 70 [62, 78]")).to_be_visible()


def test_a_doubt_is_settled_in_the_drawer(page: Page, live_server: Any, project: Any) -> None:
    sign_in(page, live_server, "owner")
    page.goto(live_server.url + reverse("preferences", args=[project.slug]) + "?doubt=open")
    page.get_by_role("link", name="What is").first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="The label stands").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#last-change")).to_contain_text("is confirmed.")
    expect(page.get_by_text("Confirmed by owner against reward model v2.")).to_be_visible()
    page.get_by_role("button", name="Take that back").click()
    expect(page.locator("#last-change")).to_contain_text("The doubt is open again.")
