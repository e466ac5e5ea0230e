"""Every answer mode in a browser: by keyboard alone, by mouse, by touch, and without scripts."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from labeling.models import Judgment, Preference, Project, Response
from tests.chromium import check_axe
from tests.factories import make_comparison, make_member, make_project, make_prompt

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TEXTS = ("Blot it with **cold water**.", "Use bleach.", "Try salt.", "Ask a cleaner.", "Nothing.")
CHIPS = ["clearer", "safer"]
Open = Callable[..., Project]


def set_up(size: int = 2, **settings: Any) -> Project:
    """Two comparisons of so many responses, and a labeler."""
    project = make_project(name="Kindness", random_share=0, gold_share=0, **settings)
    for number in (1, 2):
        prompt = make_prompt(project, f"Prompt number {number}")
        make_comparison(project, TEXTS[:size], prompt=prompt, priority=-number)
    make_member(project, name="ada")
    return project


def sign_in(page: Page, live_server: LiveServer, project: Project) -> None:
    page.goto(f"{live_server.url}/projects/{project.slug}/label/")
    page.fill("[name=username]", "ada")
    page.fill("[name=password]", "ada-password")
    page.click("main button[type=submit]")
    on_screen(page, 1)


def on_screen(page: Page, number: int) -> None:
    expect(page.locator(".prompt")).to_contain_text(f"Prompt number {number}")
    page.wait_for_load_state()  # its scripts have run
    page.wait_for_timeout(700)


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Page]:
    size = {"width": 390, "height": 844}
    with chromium.new_context(viewport=size, has_touch=True, is_mobile=True) as context:  # type: ignore[arg-type]
        yield context.new_page()


@pytest.fixture
def plain(chromium: Browser) -> Iterator[Page]:
    with chromium.new_context(java_script_enabled=False) as context:
        yield context.new_page()


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def judged(page: Page) -> Judgment:
    """The answer to the first comparison, once the second is on screen."""
    on_screen(page, 2)
    for _ in range(40):
        if Judgment.objects.exists():
            break
        page.wait_for_timeout(100)
    return Judgment.objects.order_by("id")[0]


def letters(judgment: Judgment) -> list[str]:
    """The tiers in terms of the screen, like A, BC."""
    name = dict(zip(judgment.order, "ABCDEFGHI", strict=False))
    return ["".join(sorted(name[pk] for pk in tier)) for tier in judgment.tiers]


# Levels


def test_four_levels_by_keyboard(page: Page, live_server: LiveServer) -> None:
    sign_in(page, live_server, set_up(scale="levels"))
    expect(page.locator(".choices button")).to_have_count(8)
    press(page, "5")
    judgment = judged(page)
    assert (letters(judgment), judgment.strength) == (["B", "A"], 0)


def test_four_levels_by_touch(phone: Page, live_server: LiveServer) -> None:
    sign_in(phone, live_server, set_up(scale="levels"))
    phone.tap("button[value=left-3]")
    judgment = judged(phone)
    assert (letters(judgment), judgment.strength) == (["A", "B"], 3)


# Every scale with every device

PAIRS = {
    "binary": ("right", "2", None),
    "strength": ("right-2", "6", 2),
    "levels": ("right-2", "7", 2),
}


@pytest.mark.parametrize("scale", PAIRS)
@pytest.mark.parametrize("device", ["mouse", "touch", "keyboard"])
def test_a_pair_is_answered_with_every_device(
    request: pytest.FixtureRequest, live_server: LiveServer, scale: str, device: str
) -> None:
    value, key, strength = PAIRS[scale]
    page = request.getfixturevalue("phone" if device == "touch" else "page")
    sign_in(page, live_server, set_up(scale=scale))
    if device == "keyboard":
        press(page, key)
    else:
        hit(page, device, f"button[value={value}]")
    judgment = judged(page)
    assert (letters(judgment), judgment.strength) == (["B", "A"], strength)


def hit(page: Page, device: str, what: str) -> None:
    page.tap(what) if device == "touch" else page.click(what)


# Ranking


def test_ranking_by_keyboard_alone(page: Page, live_server: LiveServer) -> None:
    sign_in(page, live_server, set_up(4, scale="ranking"))
    press(page, "2", "9", "1", "3", "Backspace", "2", "4")
    expect(page.locator(".rank-save")).to_be_focused()
    press(page, "Enter")
    assert letters(judged(page)) == ["B", "AC", "D"]


def test_ranking_is_not_sent_before_every_response_has_a_place(
    page: Page, live_server: LiveServer
) -> None:
    sign_in(page, live_server, set_up(3, scale="ranking"))
    press(page, "1", "2", "Enter")
    expect(page.locator(".bar-hint")).to_have_text("Response C has no place yet.")
    assert not Judgment.objects.exists()
    press(page, "1", "Enter")
    assert letters(judged(page)) == ["AC", "B"]


def test_ranking_by_clicking_numbers(page: Page, live_server: LiveServer) -> None:
    sign_in(page, live_server, set_up(3, scale="ranking"))
    for name, place in [("A", 3), ("B", 1), ("C", 2)]:
        page.click(f"[data-letter={name}].place label:nth-child({place})")
        expect(page.locator(f".slot[data-place='{place}']")).to_have_text(name)
    page.click(".rank-save")
    assert letters(judged(page)) == ["B", "C", "A"]


def drag(page: Page, letter: str, place: str) -> None:
    token = page.locator(f".token[data-letter={letter}]").bounding_box()
    slot = page.locator(f".slot[data-place='{place}']").bounding_box()
    assert token and slot
    page.mouse.move(token["x"] + 10, token["y"] + 10)
    page.mouse.down()
    page.mouse.move(token["x"] + 20, token["y"] + 12, steps=3)
    page.mouse.move(slot["x"] + slot["width"] / 2, slot["y"] + slot["height"] / 2, steps=8)
    page.wait_for_timeout(80)
    page.mouse.up()
    expect(page.locator(f".slot[data-place='{place}']")).to_contain_text(letter)


def test_ranking_by_dragging(page: Page, live_server: LiveServer) -> None:
    sign_in(page, live_server, set_up(3, scale="ranking"))
    page.wait_for_function("Boolean(window.Sortable)")
    drag(page, "C", "1")
    drag(page, "A", "2")
    drag(page, "B", "3")
    drag(page, "A", "3")
    press(page, "Enter")
    assert letters(judged(page)) == ["C", "AB"]


def test_ranking_by_dragging_with_a_finger(phone: Page, live_server: LiveServer) -> None:
    sign_in(phone, live_server, set_up(3, scale="ranking"))
    phone.wait_for_function("Boolean(window.Sortable)")
    finger = phone.context.new_cdp_session(phone)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        data = [{"x": x, "y": y} for x, y in points]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": data})

    for letter, place in [("B", 1), ("A", 2), ("C", 3)]:
        token = phone.locator(f".token[data-letter={letter}]").bounding_box()
        slot = phone.locator(f".slot[data-place='{place}']").bounding_box()
        assert token and slot
        x, y = token["x"] + 15, token["y"] + 15
        to_x, to_y = slot["x"] + slot["width"] / 2, slot["y"] + slot["height"] / 2
        touch("touchStart", (x, y))
        for step in range(1, 9):
            touch("touchMove", (x + (to_x - x) * step / 8, y + (to_y - y) * step / 8))
            phone.wait_for_timeout(20)
        touch("touchEnd")
        expect(phone.locator(f".slot[data-place='{place}']")).to_have_text(letter)
    phone.tap(".rank-save")
    assert letters(judged(phone)) == ["B", "A", "C"]


def test_without_ties_the_other_response_moves_away(page: Page, live_server: LiveServer) -> None:
    sign_in(page, live_server, set_up(3, scale="ranking", allow_tie=False))
    press(page, "1", "2", "1", "3", "Enter")
    assert letters(judged(page)) == ["C", "B", "A"]


# Aspects and reasons


def test_aspects_by_keyboard_alone(page: Page, live_server: LiveServer) -> None:
    sign_in(page, live_server, set_up(aspects=["helpful", "honest"]))
    press(page, "a", "3", "2", "1")
    judgment = judged(page)
    assert judgment.aspects == {"helpful": judgment.order[1], "honest": None}
    assert letters(judgment) == ["A", "B"]


def test_a_choice_waits_for_the_aspects(page: Page, live_server: LiveServer) -> None:
    sign_in(page, live_server, set_up(aspects=["helpful", "honest"]))
    page.click("button[value=right]")
    expect(page.locator(".bar-hint")).to_have_text("Still to choose: helpful")
    press(page, "1", "1")
    expect(page.locator("button[value=right]")).to_be_focused()
    assert not Judgment.objects.exists()
    press(page, "Enter")
    assert letters(judged(page)) == ["B", "A"]


def test_aspects_by_touch(phone: Page, live_server: LiveServer) -> None:
    sign_in(phone, live_server, set_up(aspects=["helpful"]))
    expect(phone.locator(".aspects")).to_be_hidden()  # the screen is for reading
    phone.tap("button[value=left]")
    expect(phone.locator(".bar-hint")).to_have_text("Still to choose: helpful")
    phone.tap(".aspect label:nth-child(2)")
    expect(phone.locator(".bar-hint")).to_contain_text("choose again to save")
    phone.tap("button[value=left]")
    assert judged(phone).aspects == {"helpful": None}


def test_a_required_reason_by_keyboard(page: Page, live_server: LiveServer) -> None:
    sign_in(page, live_server, set_up(ask_reason="required"))
    press(page, "2")
    page.keyboard.type("It is 1 of the kinder ones")
    press(page, "Enter")
    judgment = judged(page)
    assert (letters(judgment), judgment.rationale) == (["B", "A"], "It is 1 of the kinder ones")


def test_a_reason_is_ticked_by_key_and_by_touch(
    page: Page, phone: Page, live_server: LiveServer
) -> None:
    project = set_up(ask_reason="required", reason_chips=CHIPS)
    sign_in(page, live_server, project)
    press(page, "1", "2", "Enter")
    assert judged(page).reasons == ["safer"]
    phone.goto(f"{live_server.url}/projects/{project.slug}/label/")
    phone.fill("[name=username]", "ada")
    phone.fill("[name=password]", "ada-password")
    phone.click("main button[type=submit]")
    on_screen(phone, 2)
    phone.tap("button[value=left]")
    phone.tap(".chip:nth-of-type(1)")
    phone.tap("button[value=left]")
    expect(phone.locator("#nothing")).to_be_visible()
    assert Judgment.objects.get(reasons=["clearer"])


def test_skip_needs_neither_aspect_nor_reason(page: Page, live_server: LiveServer) -> None:
    sign_in(page, live_server, set_up(ask_reason="required", aspects=["helpful"]))
    press(page, "s")
    assert judged(page).kind == Judgment.Kind.SKIP


# Flags and rewrites


def test_a_flag_by_two_keys(page: Page, live_server: LiveServer) -> None:
    sign_in(page, live_server, set_up())
    press(page, "f", "3")
    assert judged(page).flag == "personal"


def test_a_flag_by_touch_and_escape_closes_the_list(phone: Page, live_server: LiveServer) -> None:
    sign_in(phone, live_server, set_up())
    phone.tap(".flag summary")
    press(phone, "Escape")
    expect(phone.locator(".flag-body")).to_be_hidden()
    phone.tap(".flag summary")
    phone.tap("button[value=flag-unsafe]")
    assert judged(phone).flag == "unsafe"


def test_a_rewrite_starts_from_a_response(page: Page, live_server: LiveServer) -> None:
    sign_in(page, live_server, set_up(allow_rewrite=True))
    press(page, "t")
    page.click("[data-copies=A]")
    page.keyboard.type("1. ")
    press(page, "Escape", "1")
    judgment = judged(page)
    better = Response.objects.get(pk=judgment.order[0])
    assert judgment.rewrite is not None
    assert judgment.rewrite.text == f"1. {better.text}"
    preference = Preference.objects.get(provenance="human")
    assert (preference.chosen, preference.rejected) == (judgment.rewrite, better)


@pytest.mark.parametrize("device", ["mouse", "touch"])
def test_a_reason_and_a_rewrite_are_reached_without_keys(
    request: pytest.FixtureRequest, live_server: LiveServer, device: str
) -> None:
    page = request.getfixturevalue("phone" if device == "touch" else "page")
    sign_in(page, live_server, set_up(allow_rewrite=True, reason_chips=CHIPS))
    hit(page, device, ".rewrite summary")
    hit(page, device, "[data-copies=B]")
    hit(page, device, ".reason summary")
    hit(page, device, ".reason .chip:nth-of-type(2)")
    hit(page, device, "button[value=right]")
    judgment = judged(page)
    assert judgment.reasons == ["safer"]
    # The text is B's own: nothing new was written, so there is no rewrite to prefer.
    assert judgment.rewrite is None


def test_a_rewrite_by_keyboard_alone(page: Page, live_server: LiveServer) -> None:
    sign_in(page, live_server, set_up(allow_rewrite=True))
    press(page, "t")
    expect(page.locator("#rewrite")).to_be_focused()
    press(page, "Shift+Tab")  # to the button before the field, which starts from B
    # The browser tells late that something has opened: nobody is moved back for it.
    page.locator(".pop.rewrite").dispatch_event("toggle")
    press(page, "Enter")
    expect(page.locator("#rewrite")).not_to_have_value("")
    page.keyboard.type("2. ")
    press(page, "Escape", "2")
    judgment = judged(page)
    better = Response.objects.get(pk=judgment.order[1])
    assert judgment.rewrite is not None
    assert judgment.rewrite.text == f"2. {better.text}"


def test_a_flag_by_mouse(page: Page, live_server: LiveServer) -> None:
    sign_in(page, live_server, set_up())
    page.click(".flag summary")
    page.click("button[value=flag-nonsense]")
    assert judged(page).flag == "nonsense"


# Without scripts


def test_every_mode_is_a_plain_form(plain: Page, live_server: LiveServer) -> None:
    project = set_up(
        3, scale="ranking", ask_reason="required", reason_chips=CHIPS, allow_rewrite=True
    )
    make_comparison(project, TEXTS[:2], prompt=make_prompt(project, "Prompt number 3"), priority=-3)
    Project.objects.filter(pk=project.pk).update(aspects=["helpful"])
    sign_in(plain, live_server, project)
    for name, place in [("A", 2), ("B", 1), ("C", 2)]:
        plain.check(f"[name=place-{name}][value='{place}']", force=True)
    plain.check("[name=reasons][value=safer]", force=True)
    plain.click("button[value=rank]")
    judgment = judged(plain)
    assert (letters(judgment), judgment.reasons) == (["B", "AC"], ["safer"])
    plain.click(".flag summary")
    plain.click("button[value=flag-broken]")
    on_screen(plain, 3)
    plain.check("[name=aspect-0][value=right]", force=True)
    plain.fill("[name=rationale]", "Shorter")
    plain.click(".rewrite summary")
    plain.fill("[name=rewrite]", "My own words")
    plain.click("button[value=right]")
    expect(plain.locator("#nothing")).to_be_visible()
    last = Judgment.objects.order_by("-id")[0]
    assert (last.aspects, last.rationale) == ({"helpful": last.order[1]}, "Shorter")
    assert last.rewrite is not None


# Settings


def test_the_preview_follows_the_settings(page: Page, live_server: LiveServer) -> None:
    project = set_up()
    make_member(project, "admin", "owner")
    address = f"{live_server.url}/projects/{project.slug}/settings/"
    page.goto(address)
    page.fill("[name=username]", "owner")
    page.fill("[name=password]", "owner-password")
    page.click("main button[type=submit]")
    page.wait_for_url(address)  # and is loaded: before its scripts have run, no change is heard
    preview = page.locator("#mode-preview")
    expect(preview).to_contain_text("About the same")
    page.select_option("[name=scale]", "ranking")
    expect(preview.locator(".place")).to_have_count(4)
    page.fill("[name=ranked_responses]", "6")
    expect(preview.locator(".place")).to_have_count(6)
    page.select_option("[name=scale]", "levels")
    page.click("text=More about judging")
    page.fill("[name=aspects]", "kind, short")
    expect(preview).to_contain_text("significantly better")
    expect(preview).to_contain_text("short")
    check_axe(page)
    page.get_by_role("button", name="Save settings").click()
    expect(page.locator("body")).to_contain_text("Saved:")
    project.refresh_from_db()
    assert (project.scale, project.aspects) == ("levels", ["kind", "short"])


# Axe

MODES: dict[str, tuple[int, dict[str, Any]]] = {
    "binary": (2, {}),
    "levels": (2, {"scale": "levels"}),
    "ranking": (5, {"scale": "ranking"}),
    "everything": (
        2,
        {
            "scale": "strength",
            "aspects": ["helpful", "honest"],
            "ask_reason": "required",
            "reason_chips": CHIPS,
            "allow_rewrite": True,
        },
    ),
    "optional": (2, {"reason_chips": CHIPS, "allow_rewrite": True}),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(page: Page, live_server: LiveServer, mode: str, theme: str) -> None:
    size, settings = MODES[mode]
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
    sign_in(page, live_server, set_up(size, **settings))
    check_axe(page)
    for key in ("f", "w", "t"):
        press(page, "Escape", key)
        check_axe(page)
    press(page, "Escape")
    page.set_viewport_size({"width": 390, "height": 844})
    press(page, "2")
    page.wait_for_timeout(150)
    check_axe(page)
