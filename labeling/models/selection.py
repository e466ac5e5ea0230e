"""How the next comparisons are chosen: the strategies that a project can set."""

from django.db import models


class Selection(models.TextChoices):
    """What each one does is in modeling/selection.py."""

    UNCERTAINTY = "uncertainty", "Uncertainty: what the reward model is least sure of"
    DISAGREEMENT = "disagreement", "Disagreement: what would teach the reward model most"
    THOMPSON = "thompson", "Thompson sampling: where models that fit the data differ"
    MAX_MIN = "max_min", "Best against worst: the largest difference in reward"
    RANDOM = "random", "At random"
