"""Reading two texts: scrolling, differences, formulas, long responses, a person's own settings."""

import re
from collections.abc import Iterator
from threading import Thread
from wsgiref.simple_server import WSGIRequestHandler

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from labeling.models import Project, User
from tests.chromium import check_axe
from tests.comparison_screen import (
    add_comparisons,
    chosen_sides,
    fill_sign_in,
    judgments,
    on_screen,
    plain_pairs,
    sign_in,
    with_next_ready,
)
from tests.factories import make_member, make_project

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FORMULA = (r"The root is $\sqrt{2}$ and costs $5 or $10.", r"\[ x_1 * y * z \] and $\nonsense{$")
LONG = "\n".join(f"Line {number} of a very long answer." for number in range(10_000))
FIRST_LOAD_LIMIT = 150_000


@pytest.fixture
def project() -> Project:
    return make_project(name="Kindness", question="Which is kinder?", random_share=0)


@pytest.fixture
def labeler(project: Project) -> User:
    return make_member(project, name="ada")


@pytest.fixture
def path(project: Project, labeler: User) -> str:
    return f"/projects/{project.slug}/label/"


def tops(page: Page) -> list[int]:
    return list(
        page.evaluate("[...document.querySelectorAll('.response')].map((r) => r.scrollTop)")
    )


def marked(page: Page, letter: str) -> list[str]:
    script = """(letter) => [...CSS.highlights.get("differs") ?? []]
        .filter((range) => document.getElementById(`response-${letter}`)
            .contains(range.startContainer))
        .map((range) => range.toString())"""
    return list(page.evaluate(script, letter))


def test_both_scroll_together_and_one_alone(
    page: Page, live_server: LiveServer, project: Project, path: str
) -> None:
    long = "\n\n".join(f"Paragraph {number}" for number in range(200))
    add_comparisons(project, (long, f"{long} and a bit"))
    sign_in(page, live_server, path)
    on_screen(page, 1)
    page.keyboard.press("j")
    left, right = tops(page)
    assert left == right > 0
    page.keyboard.press("]")
    assert tops(page)[0] == left
    assert tops(page)[1] > right
    page.keyboard.press("Shift+BracketRight")
    assert tops(page) == [left, right]
    page.hover("#response-A")
    page.mouse.wheel(0, 400)
    page.wait_for_function(
        "(top) => document.querySelector('#response-B').scrollTop > top", arg=right
    )
    expect(page.locator(".minimap").first).to_be_visible()
    box = page.locator(".minimap").last.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 5, box["y"] + box["height"] - 5)
    assert tops(page)[1] > 3_000


def test_differences_are_marked_word_by_word(
    page: Page, live_server: LiveServer, project: Project, path: str
) -> None:
    texts = ("Blot it with **cold** water and wait.", "Blot it with **hot** water and wait, dear.")
    add_comparisons(project, texts)
    sign_in(page, live_server, path)
    on_screen(page, 1)
    assert marked(page, "A") == []
    page.keyboard.press("d")
    assert sorted([*marked(page, "A"), *marked(page, "B")]) == [", dear", "cold", "hot"]
    expect(page.locator("#announcement")).to_contain_text("Words that differ are underlined")
    page.keyboard.press("r")
    assert {"cold", "hot"} <= {*marked(page, "A"), *marked(page, "B")}
    page.keyboard.press("d")
    assert marked(page, "A") == []


def test_differences_leave_the_same_words_on_both_sides_and_are_fast(
    page: Page, live_server: LiveServer
) -> None:
    page.goto(live_server.url + "/sign-in/")
    result = page.evaluate(
        """async () => {
        const { diffWords } = await import("/static/js/labeling/differences.js");
        let state = 1;
        const next = (n) => { state = (state * 48271) % 2147483647; return state % n; };
        const words = (n, kinds) => Array.from({ length: n }, () => `w${next(kinds)}`);
        const rest = (all, runs) => all.filter((_, i) => !runs.some(([a, b]) => a <= i && i < b));
        let wrong = 0;
        for (let round = 0; round < 300; round += 1) {
            const [a, b] = [words(next(60), 2 + next(20)), words(next(60), 2 + next(20))];
            const [left, right] = diffWords(a, b);
            if (rest(a, left).join() !== rest(b, right).join()) wrong += 1;
        }
        const [same] = diffWords(["a", "b"], ["a", "b"]);
        const long = words(35_000, 5_000);
        const other = words(35_000, 5_000);
        const near = long.map((word, i) => i % 50 ? word : "changed");
        const start = performance.now();
        diffWords(long, other);
        const [runs] = diffWords(long, near);
        return { wrong, same, runs: runs.length, ms: performance.now() - start };
    }"""
    )
    assert result["wrong"] == 0
    assert result["same"] == []
    assert result["runs"] == 700
    assert result["ms"] < 10_000, "seconds on a busy machine, never minutes"


def test_formulas_are_drawn_and_load_their_library_only_then(
    page: Page, live_server: LiveServer, project: Project, path: str
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    add_comparisons(project, *plain_pairs(2), FORMULA)
    sign_in(page, live_server, path)
    on_screen(page, 1)
    with_next_ready(page)
    assert not [url for url in asked if "katex" in url]
    page.keyboard.press("1")
    on_screen(page, 2)
    with_next_ready(page)
    page.keyboard.press("1")
    on_screen(page, 3)
    expect(page.locator(".response .katex")).to_have_count(2)
    text = page.locator(".panes").inner_text()
    assert "costs $5 or $10." in text
    assert r"$\nonsense{$" in text, "what is no formula stays as it was written"
    outside = [url for url in asked if not url.startswith(live_server.url)]
    assert outside == []


SLOW_LIBRARY = """
    window.drawn = [];
    window.turns = 0;
    const tick = () => setTimeout(() => { window.turns += 1; tick(); });
    tick();
    window.katex = { render(source, element) {
        const start = performance.now();
        while (performance.now() - start < 60);
        window.drawn.push([element.closest(".response")?.id, window.turns]);
    } };
"""


def test_while_many_formulas_are_drawn_the_page_has_its_turn_and_the_first_of_each_text_come_first(
    page: Page, live_server: LiveServer, project: Project, path: str
) -> None:
    script = {"content_type": "text/javascript", "body": SLOW_LIBRARY}
    page.route(re.compile(r"katex.*\.js"), lambda route: route.fulfill(**script))
    add_comparisons(project, ("$x$ " * 10, "$y$ " * 10))
    sign_in(page, live_server, path)
    page.wait_for_function("() => window.drawn?.length === 20")
    drawn = page.evaluate("window.drawn")
    assert {text for text, _ in drawn[:2]} == {"response-A", "response-B"}
    turns = [turn for _, turn in drawn]
    assert len(set(turns)) >= 8, "the page waited for all of them"


def test_ten_thousand_lines_are_shown_whole_and_judged(
    page: Page, live_server: LiveServer, project: Project, path: str
) -> None:
    add_comparisons(project, (LONG, LONG.replace("very", "rather")), ("Left.", "Right."))
    sign_in(page, live_server, path)
    expect(page.locator(".prompt")).to_contain_text("Prompt number 1")
    for letter in "AB":
        assert "Line 9999 of" in page.locator(f"#response-{letter} .cooked").inner_text()
    page.keyboard.press("d")
    expect(page.locator("#announcement")).to_contain_text(
        "Words that differ are underlined: 10000 on the left, 10000 on the right."
    )
    page.keyboard.press("1")
    on_screen(page, 2)
    assert chosen_sides() == ["left"]


LONG_SHAPES = {
    "one paragraph": "words and more of them " * 43_000,
    "paragraphs": "Some words of a paragraph.\n\n" * 36_000,
    "code": "```python\n" + "x = 1  # one\n" * 77_000 + "```",
    "one line": "x" * 1_000_000,
    "a table": "| a | b |\n|---|---|\n" + "| cell | words |\n" * 60_000,
}


@pytest.mark.parametrize("text", LONG_SHAPES.values(), ids=LONG_SHAPES)
def test_of_two_million_characters_only_what_is_in_view_is_laid_out(
    page: Page, live_server: LiveServer, project: Project, path: str, text: str
) -> None:
    add_comparisons(project, (text + " left end", text + " right end"), ("Left.", "Right."))
    sign_in(page, live_server, path)
    on_screen(page, 1)
    pieces = page.locator("#response-A .piece")
    assert 200 < pieces.count() < 1_500
    seen = page.evaluate(
        """() => {
        const laidOut = new Set();
        for (const piece of document.querySelectorAll(".piece")) {
            piece.addEventListener("contentvisibilityautostatechange", (event) => {
                if (!event.skipped) laidOut.add(piece);
            });
        }
        const frame = () => new Promise((then) => requestAnimationFrame(() => setTimeout(then)));
        return frame().then(frame).then(() => laidOut.size);
    }"""
    )
    assert seen <= 8
    shown = page.locator(".response .raw").evaluate_all("(all) => all.map((e) => e.textContent)")
    assert sorted(shown) == [text + " left end", text + " right end"]
    page.keyboard.press("d")
    expect(page.locator("#announcement")).to_contain_text("too long to be compared")
    page.keyboard.press("r")
    page.click("#response-A .letter")
    end = pieces.last
    end.scroll_into_view_if_needed()
    expect(end).to_contain_text(re.compile("(left|right) end"))
    page.keyboard.press("1")
    on_screen(page, 2)
    assert chosen_sides() == ["left"]


def test_own_keys_press_the_buttons_and_stand_in_the_list(
    page: Page, live_server: LiveServer, project: Project, path: str
) -> None:
    add_comparisons(project, *plain_pairs(3))
    sign_in(page, live_server, f"/account/settings/?next={path}")
    page.focus("[name='key-1']")
    page.keyboard.press("q")
    page.focus("[name='key-s']")
    page.keyboard.press("q")
    page.click("text=Save")
    assert "/account/settings/" in page.url, "one key cannot do two things"
    page.focus("[name='key-s']")
    page.keyboard.press("Backspace")
    page.click("text=Save")
    page.wait_for_url(live_server.url + path)
    on_screen(page, 1)
    expect(page.locator("button[value=left] kbd")).to_have_text("Q")
    page.keyboard.press("1")
    page.wait_for_timeout(300)
    assert judgments() == []
    page.keyboard.press("q")
    on_screen(page, 2)
    expect(page.locator("button[value=left] kbd")).to_have_text("Q")
    page.keyboard.press("?")
    expect(page.locator("#keys-sheet dt").first).to_contain_text("Q")
    assert chosen_sides() == ["left"]


def test_without_instant_submit_enter_confirms(
    page: Page, live_server: LiveServer, project: Project, labeler: User, path: str
) -> None:
    labeler.ui_preferences = {"instant": False, "text_size": "large", "density": "compact"}
    labeler.save()
    add_comparisons(project, *plain_pairs(2))
    sign_in(page, live_server, path)
    on_screen(page, 1)
    size = page.eval_on_selector(".prose", "(e) => getComputedStyle(e).fontSize")
    assert size == "20px"
    page.keyboard.press("1")
    expect(page.locator("#announcement")).to_have_text("A is better: selected. Enter confirms.")
    page.keyboard.press("2")
    expect(page.locator("button[value=right]")).to_have_attribute("aria-pressed", "true")
    assert judgments() == []
    page.keyboard.press("Enter")
    on_screen(page, 2)
    assert chosen_sides() == ["right"]


@pytest.fixture
def server_address() -> Iterator[str]:
    """The product's own handling of static files, which the live server goes past."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), QuietHandler)
    server.set_app(WSGIHandler())
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a test's output is its own."""


def test_first_load_is_light(page: Page, server_address: str, project: Project, path: str) -> None:
    add_comparisons(project, *plain_pairs(2))
    page.goto(server_address + path)
    fill_sign_in(page)
    on_screen(page, 1)
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.send("Network.clearBrowserCache")
    sizes: list[float] = []
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.reload()
    on_screen(page, 1)
    with_next_ready(page)
    print(f"First load: {sum(sizes) / 1000:.0f} kB in {len(sizes)} requests")
    assert 20_000 < sum(sizes) < FIRST_LOAD_LIMIT
    page.goto("about:blank")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_reading_and_settings(
    page: Page, live_server: LiveServer, project: Project, path: str, theme: str
) -> None:
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
    long = "\n\n".join(f"Paragraph {number}" for number in range(200))
    add_comparisons(project, FORMULA, (long, f"{long} and a bit"))
    sign_in(page, live_server, path)
    on_screen(page, 1)
    expect(page.locator(".response .katex")).to_have_count(2)
    page.keyboard.press("d")
    check_axe(page)
    page.keyboard.press("1")
    on_screen(page, 2)
    check_axe(page)
    page.goto(live_server.url + "/account/settings/")
    check_axe(page)
