"""Addresses of the API."""

from django.urls import URLPattern, path
from drf_spectacular.views import SpectacularAPIView

from labeling.api.conventions import schema as schema  # registers itself with drf-spectacular
from labeling.api.curation.comments import CommentsView, CommentView
from labeling.api.data.imports import ImportsView
from labeling.api.data.judgments import JudgmentsView
from labeling.api.data.preferences import PreferencesView
from labeling.api.docs import docs
from labeling.api.hand_outs.views import AnswerView, NextView, SkipView, UndoView
from labeling.api.people.decisions import (
    ExcludeMemberView,
    ReadmitMemberView,
    ReleaseMemberView,
    ReviewMemberView,
)
from labeling.api.people.invitations import InvitationsView, InvitationView
from labeling.api.people.members import MembersView, MemberView, WeighView
from labeling.api.projects.guidelines import (
    CurrentGuidelinesView,
    GuidelinesView,
    GuidelineVersionView,
)
from labeling.api.projects.overview import IndexView, ProjectsView, ProjectView
from labeling.api.projects.settings import ProjectSettingsView

PROJECT = "v1/projects/<slug:slug>/"
MEMBER = f"{PROJECT}members/<int:pk>"

urlpatterns: list[URLPattern] = [
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs/", docs, name="api-docs"),
    path("v1/", IndexView.as_view(), name="api-index"),
    path("v1/projects/", ProjectsView.as_view(), name="api-projects"),
    path(f"{PROJECT}settings/", ProjectSettingsView.as_view(), name="api-settings"),
    path(f"{PROJECT}guidelines/", GuidelinesView.as_view(), name="api-guidelines"),
    path(
        f"{PROJECT}guidelines/current/",
        CurrentGuidelinesView.as_view(),
        name="api-guidelines-current",
    ),
    path(
        f"{PROJECT}guidelines/<int:number>/",
        GuidelineVersionView.as_view(),
        name="api-guidelines-version",
    ),
    path(f"{PROJECT}members/", MembersView.as_view(), name="api-members"),
    path(f"{PROJECT}members/weigh/", WeighView.as_view(), name="api-members-weigh"),
    path(f"{MEMBER}/", MemberView.as_view(), name="api-member"),
    path(f"{MEMBER}/exclude/", ExcludeMemberView.as_view(), name="api-member-exclude"),
    path(f"{MEMBER}/readmit/", ReadmitMemberView.as_view(), name="api-member-readmit"),
    path(f"{MEMBER}/release/", ReleaseMemberView.as_view(), name="api-member-release"),
    path(f"{MEMBER}/review/", ReviewMemberView.as_view(), name="api-member-review"),
    path(f"{PROJECT}invitations/", InvitationsView.as_view(), name="api-invitations"),
    path(f"{PROJECT}invitations/<int:pk>/", InvitationView.as_view(), name="api-invitation"),
    path("v1/projects/<slug:slug>/", ProjectView.as_view(), name="api-project"),
    path("v1/projects/<slug:slug>/preferences/", PreferencesView.as_view(), name="api-preferences"),
    path("v1/projects/<slug:slug>/judgments/", JudgmentsView.as_view(), name="api-judgments"),
    path("v1/projects/<slug:slug>/imports/", ImportsView.as_view(), name="api-imports"),
    path(f"{PROJECT}comments/", CommentsView.as_view(), name="api-comments"),
    path(f"{PROJECT}comments/<int:pk>/", CommentView.as_view(), name="api-comment"),
    path("v1/projects/<slug:slug>/next/", NextView.as_view(), name="api-next"),
    path("v1/hand-outs/<uuid:uuid>/answer/", AnswerView.as_view(), name="api-answer"),
    path("v1/hand-outs/<uuid:uuid>/skip/", SkipView.as_view(), name="api-skip"),
    path("v1/hand-outs/<uuid:uuid>/undo/", UndoView.as_view(), name="api-undo"),
]
