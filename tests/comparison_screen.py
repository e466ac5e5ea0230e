"""What the browser tests of the comparison screen share."""

from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from labeling.models import Judgment, Project
from tests.factories import make_comparison, make_prompt

PASSWORD_OF_ADA = "ada-password"


def add_comparisons(project: Project, *texts: tuple[str, str]) -> None:
    """In this order; their prompts are numbered from 1."""
    for number, pair in enumerate(texts, start=1):
        prompt = make_prompt(project, f"Prompt number {number}")
        make_comparison(project, pair, prompt=prompt, priority=100 - number)


def plain_pairs(count: int) -> list[tuple[str, str]]:
    return [(f"Left {number}.", f"Right {number}.") for number in range(1, count + 1)]


def sign_in(page: Page, live_server: LiveServer, path: str) -> None:
    page.goto(live_server.url + path)
    fill_sign_in(page)
    page.wait_for_url(live_server.url + path)


def fill_sign_in(page: Page) -> None:
    page.fill("[name=username]", "ada")
    page.fill("[name=password]", PASSWORD_OF_ADA)
    page.keyboard.press("Enter")


def on_screen(page: Page, number: int) -> None:
    """Waits until this comparison is there and takes answers."""
    expect(page.locator(".prompt")).to_contain_text(f"Prompt number {number}")
    expect(page.locator("#choices")).to_be_focused()
    # A press within the first quarter of a second is taken for a bouncing key.
    page.wait_for_timeout(300)


def with_next_ready(page: Page) -> None:
    """Waits until the comparison after this one has been handed out and prepared."""
    page.wait_for_function(
        "import('/static/js/labeling/never_lost/ahead.js')"
        ".then((ahead) => ahead.aheadUuid() !== null)"
    )


def judgments() -> list[Judgment]:
    return list(Judgment.objects.filter(superseded_at=None).order_by("id"))


def chosen_sides() -> list[str]:
    """Which side won in each judgment, in the order they were saved."""
    return [
        "left" if judgment.tiers[0] == [judgment.order[0]] else "right" for judgment in judgments()
    ]
