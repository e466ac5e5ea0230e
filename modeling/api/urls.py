"""Addresses of the learning side's API."""

from django.urls import URLPattern, path

from modeling.api.loop_settings import LoopSettingsView
from modeling.api.reward_models import RewardModelsView, ScoreView
from modeling.api.run_files import (
    RunLogView,
    RunMetricsView,
    RunPredictionsView,
    RunSnapshotView,
)
from modeling.api.runs import RunCancelView, RunRetryView, RunsView, RunView

PROJECT = "v1/projects/<slug:slug>/"

urlpatterns: list[URLPattern] = [
    path(f"{PROJECT}reward-models/", RewardModelsView.as_view(), name="api-reward-models"),
    path(f"{PROJECT}reward-models/<slug:version>/score/", ScoreView.as_view(), name="api-score"),
    path(f"{PROJECT}runs/", RunsView.as_view(), name="api-runs"),
    path(f"{PROJECT}runs/<int:pk>/", RunView.as_view(), name="api-run"),
    path(f"{PROJECT}runs/<int:pk>/cancel/", RunCancelView.as_view(), name="api-run-cancel"),
    path(f"{PROJECT}runs/<int:pk>/retry/", RunRetryView.as_view(), name="api-run-retry"),
    path(f"{PROJECT}runs/<int:pk>/log/", RunLogView.as_view(), name="api-run-log"),
    path(f"{PROJECT}runs/<int:pk>/metrics/", RunMetricsView.as_view(), name="api-run-metrics"),
    path(f"{PROJECT}runs/<int:pk>/snapshot/", RunSnapshotView.as_view(), name="api-run-snapshot"),
    path(
        f"{PROJECT}runs/<int:pk>/predictions/",
        RunPredictionsView.as_view(),
        name="api-run-predictions",
    ),
    path(f"{PROJECT}loop-settings/", LoopSettingsView.as_view(), name="api-loop-settings"),
]
