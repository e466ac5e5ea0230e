"""The choices a project has for how its reward model is trained."""

from django.db import models


class RewardMethod(models.TextChoices):
    FINETUNE = "finetune", "Train the model itself"
    FROZEN = "frozen", "Quick: read a frozen model, train a head on what it sees"


class Adapter(models.TextChoices):
    NONE = "none", "All of its weights"
    LORA = "lora", "LoRA: small matrices beside frozen weights"
    QLORA = "qlora", "QLoRA: the same beside 4-bit weights (NVIDIA GPUs only)"


class Pooling(models.TextChoices):
    LAST = "last", "At the end of the text"
    MEAN = "mean", "Averaged over the response"


class Aggregate(models.TextChoices):
    MEAN = "mean", "Their mean"
    WCO = "wco", "The lowest of them (worst case)"
    UWO = "uwo", "The mean, less a penalty for disagreement"


class Ties(models.TextChoices):
    HALF = "half", "As half a win for each"
    DAVIDSON = "davidson", "As an outcome of their own (Davidson)"


class Rankings(models.TextChoices):
    PAIRS = "pairs", "As their pairs"
    PLACKETT_LUCE = "plackett_luce", "As a whole (Plackett–Luce)"
