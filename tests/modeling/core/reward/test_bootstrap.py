"""How often each member sees a prompt."""

from collections import Counter

import pytest

from modeling.core.reward.bootstrap import bootstrap_weight, cumulative, rank_of

PROMPTS = [(("user", f"Question {n}?"),) for n in range(4000)]


def test_poisson_of_one_by_hand() -> None:
    """P(0) = P(1) = e^-1 = 0.367879, P(2) = e^-1 / 2, P(3) = e^-1 / 6."""
    assert cumulative()[:4] == pytest.approx([0.367879, 0.735759, 0.919699, 0.981012], abs=1e-6)
    assert cumulative()[-1] == pytest.approx(1, abs=1e-9)


def test_a_prompt_counts_once_on_average_and_often_not_at_all() -> None:
    """4,000 draws: the shares are within four standard errors of e^-1, e^-1, e^-1 / 2."""
    counts = Counter(bootstrap_weight(0, 1, prompt) for prompt in PROMPTS)
    assert sum(k * n for k, n in counts.items()) / 4000 == pytest.approx(1, abs=0.064)
    for k, share in ((0, 0.3679), (1, 0.3679), (2, 0.1839)):
        assert counts[k] / 4000 == pytest.approx(share, abs=0.031)


def test_it_depends_on_seed_member_and_prompt_alone() -> None:
    first = [bootstrap_weight(0, 1, prompt) for prompt in PROMPTS[:100]]
    assert [bootstrap_weight(0, 1, prompt) for prompt in reversed(PROMPTS[:100])] == first[::-1]
    assert [bootstrap_weight(0, 2, prompt) for prompt in PROMPTS[:100]] != first
    assert [bootstrap_weight(1, 1, prompt) for prompt in PROMPTS[:100]] != first
    assert first[:8] == [0, 0, 2, 1, 2, 0, 3, 2], "another draw than in runs made before"


def test_members_are_independent() -> None:
    """Two members miss the same prompt with probability e^-2 = 0.135."""
    both = sum(
        bootstrap_weight(0, 1, prompt) == bootstrap_weight(0, 2, prompt) == 0 for prompt in PROMPTS
    )
    assert both / 4000 == pytest.approx(0.1353, abs=0.022)


def test_new_prompts_do_not_change_the_order_of_the_old_ones() -> None:
    order = sorted(PROMPTS[:50], key=lambda prompt: rank_of(0, prompt))
    longer = sorted(PROMPTS[:80], key=lambda prompt: rank_of(0, prompt))
    assert [prompt for prompt in longer if prompt in order] == order
    assert order != PROMPTS[:50]
