"""What the charts draw, looked at in a real browser: whiskers, the chance line, right and wrong."""

from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page

from labeling.models import Role
from tests.chromium import sign_in, violations
from tests.factories import make_member, make_project
from tests.modeling.page_helpers import make_reward_model

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Whether the pixels about a value of the first point (x shifted) are painted at all.
IS_PAINTED = """([index, value, shift]) => {
  const canvas = document.querySelectorAll("canvas[data-chart]")[index];
  const chart = window.Chart.getChart(canvas);
  const ratio = chart.currentDevicePixelRatio;
  const x = chart.scales.x.getPixelForValue(0) + shift;
  const y = chart.scales.y.getPixelForValue(value);
  const { data } = chart.ctx.getImageData((x - 1) * ratio, (y - 1) * ratio, 3, 3);
  return data.some((part, at) => at % 4 === 3 && part > 120);
}"""
IS_DRAWN = """() => {
  const all = [...document.querySelectorAll("canvas[data-chart]")];
  return all.length && all.every((one) => window.Chart?.getChart(one));
}"""


def painted(page: Page, value: float, *, index: int = 0, shift: int = 0) -> bool:
    return bool(page.evaluate(IS_PAINTED, [index, value, shift]))


@pytest.fixture
def project(settings: Any, tmp_path: Any) -> Any:
    settings.DATA_DIR = tmp_path
    project = make_project(name="Teatime")
    make_member(project, Role.ADMIN, "owner")
    model = make_reward_model(project)
    edges = [-2.0, -1.0, 0.0, 1.0, 2.0]
    nine = {"value": 0.33, "low": 0.12, "high": 0.65, "n": 9}
    checks = [{"name": name, "passed": None, "text": "Only 9: too few."} for name in "AB"]
    model.results = {
        "accuracy": {"test": nine},
        "evaluation": {"margins": {"edges": edges, "counts": [3, 5, 1, 2]}},
        "gate": {"passed": True, "reason": "", "checks": checks},
    }
    model.save()
    return project


def test_one_version_alone_has_whiskers_and_the_chance_line_goes_across(
    page: Page, live_server: Any, project: Any
) -> None:
    sign_in(page, live_server, "owner")
    page.goto(live_server.url + reverse("reward-models", args=[project.slug]))
    page.wait_for_function(IS_DRAWN)
    assert all(painted(page, value) for value in (12.0, 23.0, 57.0, 65.0))
    assert not painted(page, 23.0, shift=40)
    # Dashes of four pixels: one of these lies on one.
    assert any(painted(page, 50.0, shift=shift) for shift in (100, 104))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_what_is_not_known_is_said_first_and_wrong_margins_are_hatched(
    page: Page, live_server: Any, project: Any, scheme: Any, width: int, request: Any
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    sign_in(page, live_server, "owner")
    page.goto(live_server.url + reverse("reward-model", args=[project.reward_models.get().pk]))
    page.wait_for_function(IS_DRAWN)
    fills = page.evaluate(
        """() => window.Chart.getChart(document.querySelector("canvas[data-chart]"))
          .data.datasets.map((one) => typeof one.backgroundColor)"""
    )
    assert fills == ["string", "object"]  # a plain colour for right, a pattern for wrong
    assert violations(page) == []
