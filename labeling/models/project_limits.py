"""What a project can be set to, once: validators, constraints and form fields follow."""

from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator

# The least and the most of each.
LIMITS: dict[str, tuple[Any, Any]] = {
    "ranked_responses": (3, 9),
    "overlap": (1, 20),
    "lease_seconds": (10, 604_800),
    "correction_minutes": (0, 43_200),
    "random_share": (0.0, 1.0),
    "gold_share": (0.0, 0.5),
    "gold_mark": (0.0, 1.0),
    "gold_minimum": (3, 200),
    "repeat_share": (0.0, 0.5),
    "repeat_after_hours": (0, 720),
    "min_seconds": (0, 600),
    "qualification_items": (0, 100),
    "qualification_mark": (0.0, 1.0),
    "adaptive_confidence": (0.5, 0.999),
    "overlap_cap": (1, 20),
}

# Of the lists of short phrases: how many, and the characters of each.
PHRASES: dict[str, tuple[int, int]] = {"aspects": (6, 30), "reason_chips": (9, 40)}


def limited(name: str) -> list[Any]:
    """The validators of the field."""
    low, high = LIMITS[name]
    return [MinValueValidator(low), MaxValueValidator(high)]
