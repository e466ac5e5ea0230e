"""Markdown becomes safe HTML, and nothing of the text is lost on the way."""

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.material.shown.rendering import (
    BRACKET_LIMIT,
    MARKDOWN_LIMIT,
    PLAIN_NOTE,
    render_markdown,
)

# After the OWASP cheat sheets on cross-site scripting and filter evasion, and Markdown's own ways.
VECTORS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<<SCRIPT>alert(1);//\\<</SCRIPT>",
    "<script/xss src=//evil.example/x.js></script>",
    "<img src=x onerror=alert(1)>",
    '<IMG """><SCRIPT>alert(1)</SCRIPT>">',
    "<img src=javascript:alert(1)>",
    "<img src='jav&#x09;ascript:alert(1)'>",
    "<img src=&#106;&#97;&#118;&#97;&#115;&#99;&#114;&#105;&#112;&#116;&#58;alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><script>alert&#40;1&#41;</script></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=javascript:alert(1)></object>",
    "<embed src=data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==>",
    "<body onload=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<video><source onerror=alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<a href='java\nscript:alert(1)'>x</a>",
    "<div style='background:url(javascript:alert(1))'>x</div>",
    "<style>@import'//evil.example/x.css';</style>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<base href=//evil.example/>",
    "<form action=//evil.example><button name=choice value=left>x</button></form>",
    "<div hx-get=/sign-out/ hx-trigger=load>x</div>",
    "<dialog data-opens=x data-keys=1>x</dialog>",
    "<template><script>alert(1)</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<!--<img src='--><img src=x onerror=alert(1)//'>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml version='1.0'?><x onload=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java&#115;cript:alert(1))",
    "[x](&#x6A;avascript:alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    '[x](https://a.example/"onmouseover="alert(1))',
    "[x](https://a.example 'onmouseover=alert(1)')",
    "[x](<javascript:alert(1)>)",
    "<javascript:alert(1)>",
    "![x](javascript:alert(1))",
    "![x](https://evil.example/pixel.png)",
    '![x" onerror="alert(1)](https://evil.example/pixel.png)',
    "[x]: javascript:alert(1)\n\n[x]",
    "`<script>alert(1)</script>`",
    "```html\n<script>alert(1)</script>\n```",
    '```"><script>alert(1)</script>\nx\n```',
    "```javascript onload=alert(1)\nx\n```",
    "|<script>alert(1)</script>|\n|-|\n|<img src=x onerror=alert(1)>|",
    "# <script>alert(1)</script>",
    "'\"><script>alert(1)</script>",
    "\u202e<script>alert(1)</script>",
    "[x](>javascript:)",
]
SAFE_TAGS = {
    *("p", "br", "hr", "blockquote", "ul", "ol", "li", "strong", "em", "s", "code", "pre"),
    *("h3", "h4", "h5", "h6", "a", "div", "span", "table", "thead", "tbody", "tr", "th", "td"),
}
SAFE_ATTRIBUTES = {"href", "title", "target", "rel", "start", "class", "tabindex"}


PIECES = [
    *("<", ">", "[x](", ")", "`", "```\n", "'", '"', "\n", "&#", "x", "![", "|", "*", "#"),
    *("javascript:", "onload=", "<a href="),
]


class Inspector(HTMLParser):
    """What a browser would find: tags with their attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def scheme_of(address: str) -> str:
    """As a browser reads it (WHATWG URL): blanks in front and tabs and line ends anywhere do not
    count, and what begins with another character than a letter is an address on this site."""
    address = re.sub(r"[\t\r\n]", "", re.sub(r"^[\x00-\x20]+", "", address))
    scheme = re.match(r"([a-z][a-z0-9+.-]*):", address, re.IGNORECASE)
    return scheme.group(1).lower() if scheme else ""


@pytest.mark.parametrize(
    ("address", "scheme"),
    [
        ("javascript:x", "javascript"),
        (" \x01JavaScript:x", "javascript"),
        ("java\tscript:x", "javascript"),
        ("%3Ejavascript:x", ""),
        ("/a:b", ""),
        ("https://a.b", "https"),
    ],
)
def test_the_check_reads_addresses_as_a_browser_does(address: str, scheme: str) -> None:
    assert scheme_of(address) == scheme


def check_harmless(html: str) -> None:
    for tag, attributes in Inspector(html).tags:
        assert tag in SAFE_TAGS
        assert set(attributes) <= SAFE_ATTRIBUTES
        if "href" in attributes:
            assert scheme_of(str(attributes["href"])) in {"", "http", "https", "mailto"}
            assert attributes["rel"] == "noopener noreferrer nofollow"


@pytest.mark.parametrize("vector", VECTORS)
def test_no_vector_becomes_active(vector: str) -> None:
    check_harmless(render_markdown(vector))
    check_harmless(render_markdown(f"- before {vector} after\n\n> {vector}"))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES)))
def test_no_mixture_becomes_active(pieces: list[str]) -> None:
    check_harmless(render_markdown("".join(pieces)))


def test_html_is_shown_as_the_text_it_is() -> None:
    assert Inspector(render_markdown("a <b>bold</b> move")).text.strip() == "a <b>bold</b> move"


def test_pictures_are_named_not_loaded() -> None:
    html = render_markdown("![a *cat*](https://evil.example/cat.png)")
    assert "<img" not in html
    assert "a cat (https://evil.example/cat.png)" in html


def test_links_open_beside_and_say_where_they_lead() -> None:
    html = render_markdown("[my bank](https://evil.example/)")
    assert 'target="_blank"' in html
    assert 'title="https://evil.example/"' in html


def test_code_is_highlighted_by_classes() -> None:
    html = render_markdown("```python\ndef f(): return 1  # one\n```")
    assert '<span class="k">def</span>' in html
    assert '<span class="c1"># one</span>' in html
    assert '<span class="language">python</span>' in html
    assert "style=" not in html


@pytest.mark.parametrize("language", ["", "nosuchlanguage", "<b>"])
def test_code_in_an_unknown_language_is_plain(language: str) -> None:
    text = Inspector(render_markdown(f"```{language}\nif x < 1: y()\n```")).text
    assert "if x < 1: y()" in text
    assert language in text


def test_headings_follow_the_pages_own_without_gaps() -> None:
    html = render_markdown("### Low\n\n# Top\n\n#### Deep\n\n## Middle")
    assert re.findall(r'<(h\d) class="level-(\d)"', html) == [
        ("h3", "3"), ("h3", "1"), ("h4", "4"), ("h4", "2"),
    ]  # fmt: skip


def test_tables_keep_their_alignment_and_scroll() -> None:
    html = render_markdown("|a|b|\n|:-|-:|\n|1|2|")
    assert '<div class="table-scroll" tabindex="0"><table>' in html
    assert '<td class="align-right">2</td>' in html


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        ("| 1 | `x|y` |", ["1", "x|y"]),
        ("| 1 | 2 | 3 | 4 |", ["1", "2 | 3 | 4"]),
        ("1|`x|y|z`", ["1", "x|y|z"]),
        ("| 1 | a \\| b |", ["1", "a | b"]),
        ("| `x|y` | 2 |", ["`x", "y` | 2"]),
        ("| 1 |", ["1", ""]),
    ],
)
def test_a_row_with_more_cells_than_the_head_loses_none(row: str, cells: list[str]) -> None:
    for text in (
        f"|a|b|\n|-|-|\n{row}",
        f"> |a|b|\n> |-|-|\n> {row}",
        f"- |a|b|\n  |-|-|\n  {row}",
    ):
        shown = re.findall(r"<td>(.*?)</td>", render_markdown(text))
        assert [Inspector(cell).text for cell in shown] == cells


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(["w1", "w2", "`w3", "w4`", "|", "\\|", " ", "**w5**"]))),
)
def test_no_word_of_a_table_is_lost(rows: list[list[str]]) -> None:
    text = "|a|b|\n|-|-|\n" + "\n".join("|" + "".join(row) + "|" for row in rows)
    shown = Inspector(render_markdown(text)).text
    for word in ("w1", "w2", "w3", "w4", "w5"):
        assert shown.count(word) == text.count(word)


FORMULA = "\\begin{align*}\n a_1 &= b_2 \\\\\n- c &= *d* \\{x\\}\n\\end{align*}"
NESTED = "\\begin{array}{c}\n\\begin{array}{c} 1 \\\\ 2 \\end{array} \\\\ 3\n\\end{array}"


@pytest.mark.parametrize("formula", [FORMULA, NESTED])
@pytest.mark.parametrize("around", ["{}", "> {}", "- a\n\n  {}\n- b"])
def test_a_formula_between_begin_and_end_keeps_every_sign(formula: str, around: str) -> None:
    lines = formula.split("\n")
    inner = ("\n> " if around.startswith(">") else "\n  " if around[0] == "-" else "\n").join(lines)
    html = render_markdown(around.format(inner))
    assert '<div class="math' in html or '<span class="math' in html
    assert "".join(formula.split()) in "".join(Inspector(html).text.replace(">", "").split())


def test_a_formula_within_a_line_keeps_every_sign() -> None:
    assert NESTED in Inspector(render_markdown(f"so {NESTED} it is")).text


@pytest.mark.parametrize(
    "text", ["\\begin{align} a", "\\begin{a}\n\nb\n\n\\end{a}", "`\\begin{a} \\end{a}`"]
)
def test_what_is_no_formula_stays_text(text: str) -> None:
    assert 'class="math' not in render_markdown(text)


def test_titles_of_links_and_pictures_are_shown() -> None:
    assert "“an aside”" in render_markdown("[x](https://a.example 'an aside')")
    assert "“an aside”" in Inspector(render_markdown("![x](https://a.example 'an aside')")).text


def test_right_to_left_text_and_emoji_pass_unchanged() -> None:
    text = "مرحبا **بالعالم** 👩‍🍳 e\u0301"
    assert Inspector(render_markdown(text)).text.strip() == text.replace("**", "")


def test_link_definitions_do_not_vanish() -> None:
    assert "[x]: https://a.example hidden" in render_markdown("[x]: https://a.example hidden")


@pytest.mark.parametrize("mark", ["> ", "- ", "1. "])
def test_deep_nesting_is_shown_whole(mark: str) -> None:
    text = mark * 90 + "the point"
    html = render_markdown(text)
    assert PLAIN_NOTE in html
    assert text in Inspector(html).text


def test_the_last_word_of_a_very_long_text_is_shown() -> None:
    for length in (MARKDOWN_LIMIT - 100, MARKDOWN_LIMIT + 100, 1_000_000):
        text = "word " * (length // 5) + "end."
        html = render_markdown(text)
        assert Inspector(html).text.strip().endswith("end.")
        assert (PLAIN_NOTE in html) == (len(text) > MARKDOWN_LIMIT)


@pytest.mark.parametrize("unit", ["[", "![[[](", "[a](<b", "*a _b ", "`a``b", "<", "~~a", "> "])
def test_no_repetition_takes_long(unit: str) -> None:
    """A model that repeats itself must not hold up the page: without a limit, brackets alone take
    the square of their number (five seconds for 50,000 characters)."""
    text = unit * (60_000 // len(unit))
    began = time.process_time()
    html = render_markdown(text)
    assert time.process_time() - began < 5
    check_harmless(html)


def test_brackets_below_the_limit_are_still_markdown() -> None:
    text = "[a](https://a.example) " * (BRACKET_LIMIT // 2)
    assert render_markdown(text).count("<a ") == BRACKET_LIMIT // 2


def test_empty_text_is_empty() -> None:
    assert render_markdown("") == ""
