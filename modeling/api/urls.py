"""Addresses of the learning side's API."""

from django.urls import URLPattern, path

from modeling.api.loop_settings import LoopSettingsView
from modeling.api.reward_models import RewardModelsView, ScoreView

PROJECT = "v1/projects/<slug:slug>/"

urlpatterns: list[URLPattern] = [
    path(f"{PROJECT}reward-models/", RewardModelsView.as_view(), name="api-reward-models"),
    path(f"{PROJECT}reward-models/<slug:version>/score/", ScoreView.as_view(), name="api-score"),
    path(f"{PROJECT}loop-settings/", LoopSettingsView.as_view(), name="api-loop-settings"),
]
