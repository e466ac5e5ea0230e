"""Markdown written by models and people, as HTML that is safe to show.

Two walls: HTML in the source is shown as the text it is, and what the Markdown turns into passes
an allow-list. Pictures are not loaded (they would tell a stranger's server who reads what, and
when); their address is shown instead. Headings are put below the page's own.

What it costs is counted in steps (a look at a place of the text, a piece of the result), not in
seconds: the same text is formatted or shown plain on every machine and every time. A page has one
`Budget` for all its texts.
"""

import hashlib
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import nh3
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.ruler import RuleOptionsType
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from pygments.token import STANDARD_TYPES

from labeling.material.shown import coloured
from labeling.material.shown.math_rules import add_math
from labeling.material.shown.rendered_texts import Rendered, RenderedTexts
from labeling.material.shown.table_rules import add_whole_rows
from labeling.texts.pieces import in_pieces

MARKDOWN_LIMIT = 100_000  # characters; beyond, the plain text is shown
BRACKET_LIMIT = 2_000  # each may open a link: parsing takes the square of their number
NESTING_LIMIT = 60  # quotes in lists in quotes …; the parser drops what is deeper
PLAIN_NOTE = "Shown as plain text: too long or too nested to format."
PAGE_CHARACTERS = 200_000  # formatted on one page; beyond, the plain text is shown
TEXT_STEPS = 60_000  # a third of a second; a text of 100,000 characters by a person takes 25,000
PAGE_STEPS = 150_000
STEPS_OF_A_TEXT = 20  # however short it is
STEPS_OF_A_BRAKE = 15_000  # of code whose colouring was given up
CHARACTERS_A_STEP = 4  # of code that is coloured, and of the result
CACHED_CHARACTERS = 8_000_000  # of the results kept, in each process
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


class TooMuch(Exception):
    """Formatting the text would take more steps than there are left."""


class Work:
    """Steps that one text may take."""

    def __init__(self, steps: int) -> None:
        self.allowed = self.left = steps

    def spend(self, steps: int = 1) -> None:
        self.left -= steps
        if self.left < 0:
            raise TooMuch

    @property
    def spent(self) -> int:
        return self.allowed - self.left


class _Tokens(list[Token]):
    """Collects the blocks of a text, and counts each as a step: a table of short rows has many
    cells for each of its characters."""

    def __init__(self, work: Work) -> None:
        self.work = work
        super().__init__()

    def append(self, token: Token) -> None:
        self.work.spend()
        super().append(token)


@dataclass
class Budget:
    """What the texts of one page may take together. When it is used up, further texts are shown
    whole, as plain text."""

    characters: int = PAGE_CHARACTERS
    steps: int = PAGE_STEPS

    def pay(self, characters: int, steps: int) -> None:
        self.characters -= characters
        self.steps -= steps


def render_markdown(text: str, budget: Budget | None = None) -> SafeString:
    """Formats the text as sanitised HTML. It stays plain where it is too much for a page, or for
    what is left of the budget."""
    html = _formatted(text, budget or Budget())
    return plain(text) if html is None else mark_safe(html)


def render_alike(texts: Sequence[str], budget: Budget) -> list[SafeString]:
    """Formats texts that are compared. If the budget does not last for all of them, all stay plain:
    none may look better than the others for where it stands."""
    if sum(map(len, texts)) > budget.characters:
        return [plain(text) for text in texts]
    shown = [render_markdown(text, budget) for text in texts]
    return shown if budget.steps > 0 else [plain(text) for text in texts]


def _formatted(text: str, budget: Budget) -> str | None:
    if len(text) > min(MARKDOWN_LIMIT, budget.characters) or text.count("[") > BRACKET_LIMIT:
        return None
    key = hashlib.sha256(text.encode(errors="surrogatepass")).digest()
    rendered = RENDERED.get(key)
    steps = min(TEXT_STEPS, budget.steps)
    # What was given up after fewer steps than there are now is tried again.
    if rendered is None or (rendered.gave_up and rendered.steps < steps):
        rendered = _render(text, steps)
        RENDERED.put(key, rendered)
    if rendered.gave_up or rendered.steps > steps:
        budget.pay(len(text), steps)
        return None
    budget.pay(len(text), rendered.steps)
    return rendered.html


def _render(text: str, steps: int) -> Rendered:
    work = Work(steps)
    env: dict[str, Any] = {"work": work}
    try:
        work.spend(STEPS_OF_A_TEXT)
        tokens = PARSER.parse(text, env)
        if any(token.level >= NESTING_LIMIT - 2 for token in tokens):
            return Rendered(None, work.spent)
        html = PARSER.renderer.render(tokens, PARSER.options, env)
        work.spend(len(html) // CHARACTERS_A_STEP // 8)
    except TooMuch:
        return Rendered(None, steps, gave_up=True)
    return Rendered(CLEANER.clean(html), work.spent)


def plain(text: str) -> SafeString:
    """Shows the text as it is, for what Markdown would take too long over or would not show
    whole."""
    return mark_safe(f'{NOTE}<div class="plain">{in_pieces(text)}</div>')


NOTE = mark_safe(f'<p class="plain-note">{PLAIN_NOTE}</p>')


# The same comparison is shown to several labelers, and to each of them again after a reload.
RENDERED = RenderedTexts(CACHED_CHARACTERS)


def _highlighted(code: str, language: str, work: Work) -> str:
    cost = len(code) // CHARACTERS_A_STEP
    if cost > work.left:
        return escape(code)
    work.spend(cost)
    try:
        return coloured.colour(code, language)
    except coloured.TookLong:
        work.spend(STEPS_OF_A_BRAKE)
        return escape(code)


def _fence(
    _: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    __: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    token = tokens[index]
    language = token.info.split()[0].lower() if token.info.split() else ""
    # Focusable, so that a long line can be scrolled into view by keyboard.
    code = _highlighted(token.content, language, env["work"])
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
    source, title = token.attrGet("src") or "", token.attrGet("title")
    place = f"{source} “{title}”" if title else source
    return f'<span class="picture">{escape(words)} ({escape(str(place))})</span>'


def _link(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    """Opens links beside the page and says in the title where they lead: their words are a
    model's."""
    token = tokens[index]
    token.attrSet("target", "_blank")
    leads, title = token.attrGet("href") or "", token.attrGet("title")
    token.attrSet("title", f"{leads} “{title}”" if title else str(leads))
    return renderer.renderToken(tokens, index, options, env)


def _cell(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    """Writes the alignment as a class, because style attributes are not let through."""
    style = str(tokens[index].attrs.pop("style", ""))
    if style:
        tokens[index].attrSet("class", f"align-{style.removeprefix('text-align:')}")
    return renderer.renderToken(tokens, index, options, env)


def _order_headings(state: Any) -> None:
    """Puts headings below the page's own, without skipping a level. A class keeps the level as
    written."""
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
    """Writes the formula's source with its signs, for the page to draw. It can be read as it is."""

    def render(_: RendererHTML, tokens: Sequence[Token], index: int, *__: Any) -> str:
        return f'<{tag} class="{classes}">{escape(tokens[index].content)}</{tag}>'

    return render


def _count_step(state: Any, *_: Any) -> bool:
    """Counts how often a rule is asked. It is asked first at each place of the text, and never
    applies."""
    state.env["work"].spend()
    return False


def _count_blocks(state: Any) -> None:
    state.tokens = _Tokens(state.env["work"])


def _make_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": NESTING_LIMIT})
    parser.enable(["table", "strikethrough"])
    # A link definition would vanish from the page: nothing of a response may.
    parser.disable("reference")
    add_math(parser)
    add_whole_rows(parser)
    parser.core.ruler.push("order_headings", _order_headings)
    parser.core.ruler.before("normalize", "count_blocks", _count_blocks)
    ends: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    parser.block.ruler.before("table", "count_step", _count_step, ends)
    parser.inline.ruler.before("text", "count_step", _count_step)
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
