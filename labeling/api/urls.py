"""Addresses of the API."""

from django.urls import URLPattern, path
from drf_spectacular.views import SpectacularAPIView

from labeling.api.conventions import schema as schema  # registers itself with drf-spectacular
from labeling.api.data.imports import ImportsView
from labeling.api.data.judgments import JudgmentsView
from labeling.api.data.preferences import PreferencesView
from labeling.api.docs import docs
from labeling.api.hand_outs.views import AnswerView, NextView, SkipView, UndoView
from labeling.api.projects import IndexView, ProjectsView, ProjectView
from labeling.api.snapshots.files import SnapshotDiffView, SnapshotFileView
from labeling.api.snapshots.pushes import SnapshotPushesView
from labeling.api.snapshots.views import SnapshotsView, SnapshotView, TakingsView

urlpatterns: list[URLPattern] = [
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs/", docs, name="api-docs"),
    path("v1/", IndexView.as_view(), name="api-index"),
    path("v1/projects/", ProjectsView.as_view(), name="api-projects"),
    path("v1/projects/<slug:slug>/", ProjectView.as_view(), name="api-project"),
    path("v1/projects/<slug:slug>/preferences/", PreferencesView.as_view(), name="api-preferences"),
    path("v1/projects/<slug:slug>/judgments/", JudgmentsView.as_view(), name="api-judgments"),
    path("v1/projects/<slug:slug>/imports/", ImportsView.as_view(), name="api-imports"),
    path("v1/projects/<slug:slug>/snapshots/", SnapshotsView.as_view(), name="api-snapshots"),
    path(
        "v1/projects/<slug:slug>/snapshots/takings/",
        TakingsView.as_view(),
        name="api-snapshot-takings",
    ),
    path(
        "v1/projects/<slug:slug>/snapshots/diff/",
        SnapshotDiffView.as_view(),
        name="api-snapshot-diff",
    ),
    path(
        "v1/projects/<slug:slug>/snapshots/<int:pk>/", SnapshotView.as_view(), name="api-snapshot"
    ),
    path(
        "v1/projects/<slug:slug>/snapshots/<int:pk>/files/<str:name>",
        SnapshotFileView.as_view(),
        name="api-snapshot-file",
    ),
    path(
        "v1/projects/<slug:slug>/snapshots/<int:pk>/pushes/",
        SnapshotPushesView.as_view(),
        name="api-snapshot-pushes",
    ),
    path("v1/projects/<slug:slug>/next/", NextView.as_view(), name="api-next"),
    path("v1/hand-outs/<uuid:uuid>/answer/", AnswerView.as_view(), name="api-answer"),
    path("v1/hand-outs/<uuid:uuid>/skip/", SkipView.as_view(), name="api-skip"),
    path("v1/hand-outs/<uuid:uuid>/undo/", UndoView.as_view(), name="api-undo"),
]
