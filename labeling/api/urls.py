"""Addresses of the API."""

from django.urls import URLPattern, path
from drf_spectacular.views import SpectacularAPIView

from labeling.api.conventions import schema as schema  # registers itself with drf-spectacular
from labeling.api.data.exports import ExportsView, ExportView
from labeling.api.data.imports import ImportsView
from labeling.api.data.judgments import JudgmentsView
from labeling.api.data.preferences import PreferencesView
from labeling.api.docs import docs
from labeling.api.hand_outs.views import AnswerView, NextView, SkipView, UndoView
from labeling.api.projects import IndexView, ProjectsView, ProjectView

urlpatterns: list[URLPattern] = [
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs/", docs, name="api-docs"),
    path("v1/", IndexView.as_view(), name="api-index"),
    path("v1/projects/", ProjectsView.as_view(), name="api-projects"),
    path("v1/projects/<slug:slug>/", ProjectView.as_view(), name="api-project"),
    path("v1/projects/<slug:slug>/preferences/", PreferencesView.as_view(), name="api-preferences"),
    path("v1/projects/<slug:slug>/judgments/", JudgmentsView.as_view(), name="api-judgments"),
    path("v1/projects/<slug:slug>/exports/", ExportsView.as_view(), name="api-exports"),
    path("v1/projects/<slug:slug>/exports/<uuid:uuid>/", ExportView.as_view(), name="api-export"),
    path("v1/projects/<slug:slug>/imports/", ImportsView.as_view(), name="api-imports"),
    path("v1/projects/<slug:slug>/next/", NextView.as_view(), name="api-next"),
    path("v1/hand-outs/<uuid:uuid>/answer/", AnswerView.as_view(), name="api-answer"),
    path("v1/hand-outs/<uuid:uuid>/skip/", SkipView.as_view(), name="api-skip"),
    path("v1/hand-outs/<uuid:uuid>/undo/", UndoView.as_view(), name="api-undo"),
]
