"""Addresses of the learning side's API."""

from django.urls import URLPattern, path

from modeling.api.loop import GateView, LoopResumeView, LoopView
from modeling.api.loop_settings import LoopSettingsView
from modeling.api.policies import (
    PoliciesView,
    PolicyCompareView,
    PolicyPromoteView,
    PolicyRejectView,
    PolicyView,
)
from modeling.api.reward_models import (
    RewardModelCardView,
    RewardModelDownloadView,
    RewardModelPromoteView,
    RewardModelRejectView,
    RewardModelsView,
    RewardModelView,
)
from modeling.api.rounds import RoundsView, RoundView
from modeling.api.run_files import (
    RunLogView,
    RunMetricsView,
    RunPredictionsView,
    RunSnapshotView,
)
from modeling.api.runs import RunCancelView, RunRetryView, RunsView, RunView
from modeling.api.samples import SamplesView
from modeling.api.scoring import ScoreView

PROJECT = "v1/projects/<slug:slug>/"
POLICY = f"{PROJECT}policies/<int:version>"
MODEL = f"{PROJECT}reward-models/<slug:version>"

urlpatterns: list[URLPattern] = [
    path(f"{PROJECT}reward-models/", RewardModelsView.as_view(), name="api-reward-models"),
    path(f"{MODEL}/score/", ScoreView.as_view(), name="api-score"),
    path(f"{MODEL}/", RewardModelView.as_view(), name="api-reward-model"),
    path(f"{MODEL}/promote/", RewardModelPromoteView.as_view(), name="api-reward-model-promote"),
    path(f"{MODEL}/reject/", RewardModelRejectView.as_view(), name="api-reward-model-reject"),
    path(f"{MODEL}/card/", RewardModelCardView.as_view(), name="api-reward-model-card"),
    path(f"{MODEL}/download/", RewardModelDownloadView.as_view(), name="api-reward-model-download"),
    path(f"{PROJECT}policies/", PoliciesView.as_view(), name="api-policies"),
    path(f"{POLICY}/", PolicyView.as_view(), name="api-policy"),
    path(f"{POLICY}/promote/", PolicyPromoteView.as_view(), name="api-policy-promote"),
    path(f"{POLICY}/reject/", PolicyRejectView.as_view(), name="api-policy-reject"),
    path(f"{POLICY}/compare/", PolicyCompareView.as_view(), name="api-policy-compare"),
    path(f"{PROJECT}samples/", SamplesView.as_view(), name="api-samples"),
    path(f"{PROJECT}rounds/", RoundsView.as_view(), name="api-rounds"),
    path(f"{PROJECT}rounds/<int:number>/", RoundView.as_view(), name="api-round"),
    path(f"{PROJECT}loop/", LoopView.as_view(), name="api-loop"),
    path(f"{PROJECT}loop/resume/", LoopResumeView.as_view(), name="api-loop-resume"),
    path(f"{PROJECT}gate/", GateView.as_view(), name="api-gate"),
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
