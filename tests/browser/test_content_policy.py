"""Every page works under the policy that is sent with it: the browser refuses nothing of ours."""

from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from config.web.headers import CONTENT_SECURITY_POLICY
from tests.chromium import sign_in
from tests.factories import make_comparison, make_member, make_project
from tests.render_every_page import make_rows, named_addresses, value_for

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ADMIN = ("", "labeling/user/", "labeling/user/add/", "labeling/auditentry/", "axes/accessattempt/")
REFUSALS = """
window.refusals = [];
document.addEventListener("securitypolicyviolation", (event) => refusals.push(
    `${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile} ${event.lineNumber}`
));
"""


def refused(page: Page, address: str) -> list[str]:
    answer = page.context.request.get(address)
    if not answer.body() or "text/html" not in answer.headers.get("content-type", ""):
        return []  # what is downloaded, or only sent to
    response = page.goto(address, wait_until="load")
    assert response is not None
    assert response.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    return [f"{address}: {refusal}" for refusal in page.evaluate("window.refusals ?? []")]


@pytest.fixture
def watched(chromium: Browser) -> Any:
    with chromium.new_context() as context:
        context.add_init_script(REFUSALS)
        yield context.new_page()


def test_every_page(watched: Page, live_server: LiveServer) -> None:
    _owner, values = make_rows()
    addresses = [
        reverse(name, kwargs={key: value_for(name, key, values) for key in parameters})
        for name, parameters in named_addresses()
        if name != "sign-out"
    ]
    sign_in(watched, live_server, "owner")
    found = []
    for address in [*addresses, *(f"/admin/{path}" for path in ADMIN), "/no/such/page/"]:
        found += refused(watched, live_server.url + address)
    assert found == []


def test_endpoints_are_listed(watched: Page, live_server: LiveServer) -> None:
    assert refused(watched, f"{live_server.url}/api/docs/") == []
    watched.get_by_placeholder("Filter by tag").fill("preferences")
    expect(watched.locator(".opblock-tag", has_text="webhooks")).to_have_count(0)
    watched.locator(".opblock-tag", has_text="preferences").first.click()
    watched.get_by_text("Settled preferences: (prompt, chosen, rejected)").first.wait_for(
        timeout=60_000
    )
    expect(watched.locator("html.dark-mode")).to_have_count(0)
    watched.emulate_media(color_scheme="dark")
    expect(watched.locator("html.dark-mode")).to_have_count(1)
    assert watched.evaluate("refusals") == []


def test_formulas_code_and_answers(watched: Page, live_server: LiveServer) -> None:
    project = make_project()
    make_member(project, name="lena")
    table = "| a | b |\n|:-:|--:|\n| 1 | 2 |"
    text = f"$\\frac{{a}}{{b}}$ and\n\n```python\nprint(1)\n```\n\n{table}"
    make_comparison(project, (text, "Plain."))
    sign_in(watched, live_server, "lena")
    assert refused(watched, f"{live_server.url}/projects/{project.slug}/label/") == []
    watched.locator(".katex").first.wait_for()
    expect(watched.locator("#choices")).to_be_focused()
    watched.wait_for_timeout(300)  # an earlier press is taken for a bouncing key
    watched.keyboard.press("1")
    expect(watched.locator("#announcement")).to_contain_text("Saved.")
    assert watched.evaluate("refusals") == []


def test_what_a_page_must_not_do_is_refused(watched: Page, live_server: LiveServer) -> None:
    watched.goto(f"{live_server.url}/sign-in/")
    watched.evaluate(
        """() => {
            const image = new Image();
            image.src = "https://example.org/spy.png";
            document.body.insertAdjacentHTML("beforeend", "<p style='color: red' onclick='1'></p>");
            const script = document.createElement("script");
            script.textContent = "1";
            document.body.append(script);
        }"""
    )
    watched.wait_for_function("refusals.length >= 4")
    kinds = {refusal.split()[0] for refusal in watched.evaluate("refusals")}
    assert {"img-src", "style-src-attr", "script-src-elem", "script-src-attr"} <= kinds
