"""How a project's policy is improved, and who decides that a new version takes over."""

from django.db import models


class Improvement(models.TextChoices):
    OFF = "off", "Off: policies are registered by hand"
    BEST_OF_N = "best_of_n", "Learn the best of n responses (gentlest)"
    RLOO = "rloo", "RLOO: reinforcement learning without a value model"
    PPO = "ppo", "PPO: reinforcement learning with a value model"
    DPO = "dpo", "DPO: directly from preferences, without the reward model"


class Promotion(models.TextChoices):
    BLIND = "blind", "When people prefer it in a blind comparison"
    AUTOMATIC = "automatic", "At once, within the KL budget and the guard"


class PolicyAdapter(models.TextChoices):
    NONE = "none", "All weights"
    LORA = "lora", "LoRA: small matrices beside the weights"


class KlEstimator(models.TextChoices):
    K1 = "k1", "k1: log policy − log reference; its optimum is the one that is meant"
    K3 = "k3", "k3: never below 0 and steadier; its optimum is another one"
