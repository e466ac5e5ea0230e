"""Formulas in Markdown are kept as written; money and code are not taken for formulas."""

import time

import pytest

from labeling.material.shown.rendering import render_markdown


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("So $a_1 + b_2$.", '<p>So <span class="math">$a_1 + b_2$</span>.</p>'),
        (r"So \(x*y*z\).", r'<p>So <span class="math">\(x*y*z\)</span>.</p>'),
        ("So $$x$$.", '<p>So <span class="math display">$$x$$</span>.</p>'),
        ("$$\na\n- b\n$$", '<div class="math display">$$\na\n- b\n$$</div>'),
        (r"\[ \frac{1}{2} \]", r'<div class="math display">\[ \frac{1}{2} \]</div>'),
        ("Costs $5 and $10, or $5-$10.", "<p>Costs $5 and $10, or $5-$10.</p>"),
        ("US$5 and a$ b", "<p>US$5 and a$ b</p>"),
        ("`$a$`", "<p><code>$a$</code></p>"),
        ("$ a $ and $$ $$", "<p>$ a $ and $$ $$</p>"),
        ("$$\nnever closed\n\nnext", "<p>$$<br>\nnever closed</p>\n<p>next</p>"),
    ],
)
def test_formulas(text: str, html: str) -> None:
    assert str(render_markdown(text)).strip() == html


def test_formula_is_no_way_in_for_scripts() -> None:
    html = render_markdown('$<img src=x onerror=alert(1)>$ $$"><script>alert(2)</script>$$')
    assert "<img" not in html
    assert "<script" not in html


@pytest.mark.parametrize("sign", ["$a ", r"\(", "$$", r"$\$", "$$\nx\n", r"\[ "])
def test_signs_without_end_cost_no_more_than_moments(sign: str) -> None:
    started = time.perf_counter()
    render_markdown(sign * (90_000 // len(sign)))
    assert time.perf_counter() - started < 10
