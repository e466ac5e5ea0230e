"""Addresses of the loop, runs, policies and reward models."""

from django.urls import path

from modeling.pages.loop import loop, rounds, selection, settings
from modeling.pages.policies import policies, samples
from modeling.pages.reward_models import labeler_models
from modeling.pages.reward_models import models as reward_models
from modeling.pages.runs import runs

PROJECT = "projects/<slug:slug>/"

urlpatterns = [
    path(PROJECT, loop.project_page, name="project"),
    path(f"{PROJECT}loop/", loop.project_loop, name="project-loop"),
    path(f"{PROJECT}queue-hint/", loop.queue_hint, name="queue-hint"),
    path(f"{PROJECT}train/", loop.train_now, name="train-now"),
    path(f"{PROJECT}sample/", loop.sample_now, name="sample-now"),
    path(f"{PROJECT}settings/loop/", settings.loop_settings, name="project-loop-settings"),
    path(f"{PROJECT}selection/", selection.selection_page, name="selection"),
    path(f"{PROJECT}selection/live/", selection.selection_live, name="selection-live"),
    path(
        f"{PROJECT}selection/try-again/",
        selection.selection_try_again,
        name="selection-try-again",
    ),
    path(f"{PROJECT}rounds/", rounds.round_list, name="rounds"),
    path(f"{PROJECT}rounds/live/", rounds.rounds_live, name="rounds-live"),
    path(f"{PROJECT}rounds/improve/", rounds.improve_now, name="improve-now"),
    path(f"{PROJECT}rounds/estimate/", rounds.estimate_now, name="estimate-now"),
    path(f"{PROJECT}rounds/resume/", rounds.improvement_resume, name="improvement-resume"),
    path(f"{PROJECT}samples/", samples.sample_browser, name="samples"),
    path(f"{PROJECT}runs/", runs.run_list, name="runs"),
    path("runs/<int:pk>/", runs.run_page, name="run"),
    path("runs/<int:pk>/live/", runs.run_live, name="run-live"),
    path("runs/<int:pk>/cancel/", runs.run_cancel, name="run-cancel"),
    path("runs/<int:pk>/snapshot/", runs.run_snapshot, name="run-snapshot"),
    path("runs/<int:pk>/predictions/", runs.run_predictions, name="run-predictions"),
    path("runs/<int:pk>/retry/", runs.run_retry, name="run-retry"),
    path(f"{PROJECT}policies/", policies.policy_list, name="policies"),
    path(
        f"{PROJECT}policies/<int:version>/make-current/",
        policies.policy_make_current,
        name="policy-make-current",
    ),
    path(f"{PROJECT}policies/<int:version>/reject/", policies.policy_reject, name="policy-reject"),
    path(
        f"{PROJECT}policies/<int:version>/compare/",
        policies.policy_compare,
        name="policy-compare",
    ),
    path(
        f"{PROJECT}people/<int:pk>/reward-models/",
        labeler_models.labeler_models,
        name="labeler-models",
    ),
    path(f"{PROJECT}reward-models/", reward_models.reward_model_list, name="reward-models"),
    path("reward-models/<int:pk>/", reward_models.reward_model_page, name="reward-model"),
    path(
        "reward-models/<int:pk>/in-service/",
        reward_models.reward_model_in_service,
        name="reward-model-in-service",
    ),
]
