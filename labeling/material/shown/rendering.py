"""Markdown written by models and people, as HTML that is safe to show.

Two walls: HTML in the source is shown as the text it is, and what the Markdown turns into passes
an allow-list. Pictures are not loaded (they would tell a stranger's server who reads what, and
when); their address is shown instead. Headings are put below the page's own.
"""

from collections.abc import Callable, MutableMapping, Sequence
from functools import lru_cache
from typing import Any

import nh3
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES
from pygments.util import ClassNotFound

from labeling.math_rules import add_math

HIGHLIGHT_LIMIT = 20_000  # characters of one code block; beyond, colouring costs seconds
MARKDOWN_LIMIT = 100_000  # characters; beyond, the plain text is shown
BRACKET_LIMIT = 2_000  # each may open a link: parsing takes the square of their number
NESTING_LIMIT = 60  # quotes in lists in quotes …; the parser drops what is deeper
PLAIN_NOTE = "Shown as plain text: too long or too nested to format."
CACHED_TEXTS = 512
CACHED_LENGTH = 20_000
TOP_HEADING = 3  # the page has h1, each response h2

TAGS = {
    *("p", "br", "hr", "blockquote", "ul", "ol", "li", "strong", "em", "s", "code", "pre"),
    *("h3", "h4", "h5", "h6", "a", "div", "span"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {
    "a": {"href", "title", "target"},
    "ol": {"start"},
    "pre": {"tabindex"},
    "div": {"tabindex"},
}
CLASSES = {
    "span": {name for name in STANDARD_TYPES.values() if name}
    | {"picture", "language", "math", "display"},
    "div": {"table-scroll", "code", "math", "display"},
    "th": {"align-left", "align-center", "align-right"},
    "td": {"align-left", "align-center", "align-right"},
    **{f"h{level}": {f"level-{n}" for n in range(1, 7)} for level in range(TOP_HEADING, 7)},
}
CLEANER = nh3.Cleaner(
    tags=TAGS,
    attributes=ATTRIBUTES,
    allowed_classes=CLASSES,
    url_schemes={"http", "https", "mailto"},
    link_rel="noopener noreferrer nofollow",
    clean_content_tags={"script", "style"},
)
FORMATTER = HtmlFormatter(nowrap=True)


def render_markdown(text: str) -> SafeString:
    """The text as sanitised HTML."""
    return _render_cached(text) if len(text) <= CACHED_LENGTH else _render(text)


def _render(text: str) -> SafeString:
    if len(text) > MARKDOWN_LIMIT or text.count("[") > BRACKET_LIMIT:
        return _plain(text)
    env: dict[str, Any] = {}
    tokens = PARSER.parse(text, env)
    if any(token.level >= NESTING_LIMIT - 2 for token in tokens):
        return _plain(text)
    return mark_safe(CLEANER.clean(PARSER.renderer.render(tokens, PARSER.options, env)))


def _plain(text: str) -> SafeString:
    """The text as it is, for what Markdown would take too long over or would not show whole."""
    return mark_safe(f'<p class="plain-note">{PLAIN_NOTE}</p><p class="plain">{escape(text)}</p>')


# The same comparison is shown to several labelers within a short time.
_render_cached = lru_cache(maxsize=CACHED_TEXTS)(_render)


def highlighted(code: str, language: str) -> str:
    """The code's HTML, coloured where the language is known; never guessed."""
    if not language or len(code) > HIGHLIGHT_LIMIT:
        return escape(code)
    try:
        lexer = get_lexer_by_name(language)
    except ClassNotFound:
        return escape(code)
    return str(highlight(code, lexer, FORMATTER))


def _fence(_: RendererHTML, tokens: Sequence[Token], index: int, *__: Any) -> str:
    token = tokens[index]
    language = token.info.split()[0].lower() if token.info.split() else ""
    # Focusable, so that a long line can be scrolled into view by keyboard.
    code = highlighted(token.content, language)
    # What stands after the fence is part of the text, so it is shown too.
    label = f'<span class="language">{escape(token.info.strip())}</span>' if token.info else ""
    return f'<div class="code">{label}<pre tabindex="0"><code>{code}</code></pre></div>\n'


def _picture(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    token = tokens[index]
    words = renderer.renderInlineAsText(token.children, options, env) or "picture"
    source = escape(str(token.attrGet("src") or ""))
    return f'<span class="picture">{escape(words)} ({source})</span>'


def _link(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    """Links open beside the page, and say where they lead: their words are a model's."""
    token = tokens[index]
    token.attrSet("target", "_blank")
    token.attrSet("title", str(token.attrGet("href") or ""))
    return renderer.renderToken(tokens, index, options, env)


def _cell(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    """Alignment as a class: style attributes are not let through."""
    style = str(tokens[index].attrs.pop("style", ""))
    if style:
        tokens[index].attrSet("class", f"align-{style.removeprefix('text-align:')}")
    return renderer.renderToken(tokens, index, options, env)


def _order_headings(state: Any) -> None:
    """Headings start below the page's own and skip no level; a class keeps the one written."""
    open_levels: list[int] = []
    for token in state.tokens:
        if token.type not in ("heading_open", "heading_close"):
            continue
        written = int(token.tag[1])
        if token.type == "heading_open":
            while open_levels and open_levels[-1] >= written:
                open_levels.pop()
            open_levels.append(written)
            token.attrSet("class", f"level-{written}")
        token.tag = f"h{min(TOP_HEADING - 1 + len(open_levels), 6)}"


def _formula(tag: str, classes: str) -> Callable[..., str]:
    """The formula's source, signs included, for the page to draw; readable as it is."""

    def render(_: RendererHTML, tokens: Sequence[Token], index: int, *__: Any) -> str:
        return f'<{tag} class="{classes}">{escape(tokens[index].content)}</{tag}>'

    return render


def _make_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": NESTING_LIMIT})
    parser.enable(["table", "strikethrough"])
    # A link definition would vanish from the page: nothing of a response may.
    parser.disable("reference")
    add_math(parser)
    parser.core.ruler.push("order_headings", _order_headings)
    rules: dict[str, Callable[..., str]] = {
        "fence": _fence,
        "code_block": _fence,
        "image": _picture,
        "link_open": _link,
        "math": _formula("span", "math"),
        "math_display": _formula("span", "math display"),
        "math_block": _formula("div", "math display"),
        "th_open": _cell,
        "td_open": _cell,
        "table_open": lambda *_: '<div class="table-scroll" tabindex="0"><table>\n',
        "table_close": lambda *_: "</table></div>\n",
    }
    for name, rule in rules.items():
        parser.add_render_rule(name, rule)
    return parser


PARSER = _make_parser()
