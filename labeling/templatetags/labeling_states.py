"""What the labeling page says while there is nothing to compare."""

from dataclasses import dataclass

from django import template

from labeling.handout import Nothing

register = template.Library()


@dataclass(frozen=True)
class WaitingState:
    """Words for a reason to wait; `waits` where a running program may bring new comparisons."""

    title: str
    next: str
    waits: bool = True


STATES = {
    "paused": WaitingState(
        "Paused", "This page continues by itself when an admin resumes the project.", False
    ),
    "member_paused": WaitingState(
        "Your work is paused here",
        "Ask a curator of the project if you do not know why. What you judged is kept.",
        False,
    ),
    "qualification": WaitingState(
        "First round: nothing left",
        "A curator has to add comparisons for the first round; they appear here by themselves.",
        False,
    ),
    "empty": WaitingState(
        "Nothing here yet", "Comparisons appear here as soon as responses are imported or sampled."
    ),
    "all_done": WaitingState(
        "All done", "New comparisons appear here by themselves as soon as they are sampled."
    ),
    "waiting_for_others": WaitingState(
        "Nothing for you right now",
        "If one comes back, or new ones are sampled, it appears here by itself.",
    ),
}


@register.filter
def waiting_state(nothing: Nothing) -> WaitingState:
    return STATES[nothing.reason]
