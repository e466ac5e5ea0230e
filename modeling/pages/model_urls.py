"""Addresses of what can be done with a reward model: try, compare, reject, download."""

from django.urls import path

from modeling.pages.reward_models import models as reward_models
from modeling.pages.reward_models import playground

PROJECT = "projects/<slug:slug>/"

urlpatterns = [
    path(f"{PROJECT}reward-models/compare/", reward_models.compare, name="reward-models-compare"),
    path(f"{PROJECT}gates/", reward_models.change_margin, name="gate-margin"),
    path(f"{PROJECT}playground/", playground.playground, name="playground"),
    path("reward-models/<int:pk>/reject/", reward_models.reject, name="reward-model-reject"),
    path("reward-models/<int:pk>/card/", reward_models.card, name="reward-model-card"),
    path("reward-models/<int:pk>/download/", reward_models.download, name="reward-model-download"),
]
