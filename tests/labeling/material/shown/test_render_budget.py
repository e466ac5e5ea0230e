"""What a page spends on its texts: counted in steps, the same on every machine."""

import threading
from html import unescape

import pytest
from pygments.lexers import get_lexer_by_name

from labeling.material.diffs import COMPARED_LINES, diff_lines
from labeling.material.shown import coloured, rendering, showing
from labeling.material.shown.rendered_texts import OVERHEAD, Rendered, RenderedTexts
from labeling.material.shown.rendering import (
    PAGE_CHARACTERS,
    PAGE_STEPS,
    PLAIN_NOTE,
    TEXT_STEPS,
    Budget,
    render_alike,
    render_markdown,
)
from labeling.material.shown.showing import CannotBeShown, show, show_anyway
from labeling.texts.limits import MAX_MESSAGES, MAX_SHOWN

HEAVY = ">" * 55 + "a\n" + "b\n" * 20_000  # each line is looked at by each of the quotes


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "RENDERED", RenderedTexts(8_000_000))


@pytest.fixture
def spent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The steps of each text that is really formatted, as it is."""
    steps: list[int] = []
    render = rendering._render

    def counted(text: str, most: int) -> Rendered:
        rendered = render(text, most)
        steps.append(rendered.steps)
        return rendered

    monkeypatch.setattr(rendering, "_render", counted)
    return steps


def message(text: str, role: str = "user") -> dict[str, str]:
    return {"role": role, "content": text}


STORMS = {
    "quotes that go on": HEAVY,
    "a wide table": "|a" * 2_500 + "|\n" + "|-" * 2_500 + "|\n" + "|x\n" * 5_000,
    "a list": "- a\n" * 25_000,
    "lists that go on": ("- " * 28 + "a\n") + "b\n" * 30_000,
    "formulas": "$$ a\n" * 20_000,
    "begins": "\\begin{a} " * 9_000,
    "emphasis": "*a_ " * 25_000,
    "brackets": "![" * 2_000,
    "code marks": "".join("`" * n + " " for n in range(400)),
    "entities": "&amp;" * 19_000,
    "a table": "|a|b|\n|-|-|\n" + "|x|y|\n" * 16_000,
}


@pytest.mark.parametrize("storm", STORMS.values(), ids=STORMS)
def test_no_text_takes_more_steps_than_a_text_may(storm: str, spent: list[int]) -> None:
    html = render_markdown(storm)
    assert 0 < sum(spent) <= TEXT_STEPS
    assert len(html) < 60 * TEXT_STEPS


def test_what_is_given_up_is_shown_whole_as_plain_text(spent: list[int]) -> None:
    html = render_markdown(HEAVY)
    assert PLAIN_NOTE in html
    assert HEAVY in unescape(html)
    assert spent == [TEXT_STEPS]


def test_101_pathological_messages_take_no_more_than_a_page_may(spent: list[int]) -> None:
    texts = show([message(f"{n} {HEAVY}") for n in range(101)], [])
    assert sum(spent) <= PAGE_STEPS
    assert all(f"{n} >>>" in unescape(str(one.html)) for n, one in enumerate(texts.messages))


def test_a_second_look_at_a_heavy_page_formats_nothing(spent: list[int]) -> None:
    messages = [message(f"{n} " + "*a_ " * 4_000) for n in range(30)]
    first = show(messages, ["one " + HEAVY, "two"])
    count = len(spent)
    assert show(messages, ["one " + HEAVY, "two"]) == first
    assert len(spent) == count


def test_what_one_page_could_not_afford_is_formatted_on_another(spent: list[int]) -> None:
    text = "*a* " * 2_000
    assert PLAIN_NOTE in render_markdown(text, Budget(steps=1_000))
    assert PLAIN_NOTE not in render_markdown(text)
    assert PLAIN_NOTE in render_markdown(text, Budget(steps=1_000))
    assert len(spent) == 2


def test_a_normal_page_is_formatted_to_the_last_message() -> None:
    text = "A *word* and `code`, then:\n\n- one\n- two\n\n```python\nx = 1\n```\n\n" * 40
    texts = show([message(f"{n} {text}") for n in range(30)], [f"{n} {text}" for n in range(9)])
    assert not [one for one in (*texts.messages, *texts.responses) if PLAIN_NOTE in one.html]


def test_responses_are_formatted_all_or_none_where_the_page_has_no_room() -> None:
    long = "**bold** " * 10_000
    assert len(long) * 3 > PAGE_CHARACTERS
    shown = render_alike(["**short**", long, long + "x", long + "y"], Budget())
    assert all(PLAIN_NOTE in html for html in shown)


def test_responses_come_before_messages_and_the_last_message_before_the_first() -> None:
    words = "**bold** " * 9_000
    texts = show([message("first " + words), message("last " + words)], ["**a** " * 10_000])
    assert PLAIN_NOTE in texts.earlier[0].html
    assert PLAIN_NOTE not in texts.last.html + texts.responses[0].html


def test_the_largest_page_is_shown_in_full_and_one_more_character_is_not() -> None:
    texts = show([message("x" * (MAX_SHOWN - 1))], ["y"])
    assert texts.last.html.count("x") >= MAX_SHOWN - 1
    with pytest.raises(CannotBeShown, match="12,300,001 characters"):
        show([message("x" * MAX_SHOWN)], ["y"])
    with pytest.raises(CannotBeShown, match="1,001 messages"):
        show([message("x")] * (MAX_MESSAGES + 1), [])


def test_half_a_character_cannot_be_sent_and_is_said() -> None:
    with pytest.raises(CannotBeShown, match="half a character in message 1"):
        show([message("a\ud800b")], ["x"])
    assert "a?b" in show_anyway([message("a\ud800b")], ["x"]).last.html


@pytest.mark.parametrize("messages", [None, [], "text", [7], [{"role": 1}], {"a": 1}])
def test_curators_see_damaged_messages_as_they_are_stored(messages: object) -> None:
    texts = show_anyway(messages, ["**x**"])
    assert texts.messages
    assert "**x**" in texts.responses[0].html


def test_curators_see_plain_text_where_formatting_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showing, "render_markdown", lambda *_: 1 / 0)
    assert "**x**" in show_anyway([message("**x**")], []).last.html


def test_what_is_kept_is_bounded_by_its_size() -> None:
    cache = RenderedTexts(10 * OVERHEAD)
    for number in range(100):
        cache.put(bytes([number]), Rendered("x" * OVERHEAD, 1))
    assert cache.size <= 10 * OVERHEAD
    assert cache.get(bytes([99])) and not cache.get(bytes([0]))
    cache.put(b"large", Rendered("x" * 20 * OVERHEAD, 1))
    assert cache.size == 0


def test_what_is_kept_is_counted_right_by_many_threads() -> None:
    cache = RenderedTexts(50 * OVERHEAD)

    def use(seed: int) -> None:
        for number in range(300):
            key = bytes([(seed * number) % 60])
            cache.get(key)
            cache.put(key, Rendered("x" * (number % 7), 1))

    threads = [threading.Thread(target=use, args=[seed]) for seed in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results = [cache.get(bytes([number])) for number in range(60)]
    assert cache.size == sum(result.size for result in results if result is not None)


@pytest.mark.parametrize(
    "code",
    ["\t" * 2_000, " \n" * 5_000, "a\n" * 5_000, "x" * 5_000, "<!--" * 2_000, "y = 1\n" * 5_000],
)
def test_storms_of_one_sign_are_not_coloured(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coloured, "get_lexer_by_name", lambda _: pytest.fail("was asked"))
    assert "<span" not in coloured.colour(code, "python")


def test_languages_whose_lexers_are_not_known_to_be_quick_are_not_coloured() -> None:
    assert "<span" not in coloured.colour("x := 1", "autohotkey")
    assert "<span" in coloured.colour("x = 1", "py")


def test_every_language_of_the_list_exists() -> None:
    assert {get_lexer_by_name(name).aliases[0] for name in coloured.LEXERS} == coloured.LEXERS


def test_a_lexer_that_takes_long_is_left_and_the_code_is_plain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(coloured, "BRAKE_SECONDS", -1)
    html = render_markdown("```python\nx = 1\n```\n\n**bold**")
    assert "x = 1" in html
    assert "<strong>" in html
    assert '<span class="n">' not in html


def test_long_texts_that_differ_throughout_are_shown_as_removed_and_added(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "labeling.material.diffs.difflib.SequenceMatcher", lambda **_: pytest.fail("asked")
    )
    old = ["same", *["a", ""] * COMPARED_LINES, "a", "end"]
    new = ["same", *["b", ""] * COMPARED_LINES, "b", "end"]
    lines = diff_lines("\n".join(old), "\n".join(new))
    assert [line.text for line in lines if line.kind == "removed"] == old[1:-1]
    assert [line.text for line in lines if line.kind == "added"] == new[1:-1]
    assert [line.text for line in lines if line.kind == "same"] == ["same", "end"]


def test_a_small_change_of_a_long_text_is_found() -> None:
    old = [f"line {number % 7}" for number in range(20_000)]
    new = [*old[:9_000], "new", *old[9_000:]]
    lines = diff_lines("\n".join(old), "\n".join(new))
    assert [line.text for line in lines if line.kind in ("added", "removed")] == ["new"]
