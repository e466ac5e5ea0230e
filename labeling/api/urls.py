"""Addresses of the API."""

from django.urls import URLPattern, path
from drf_spectacular.views import SpectacularAPIView

from labeling.api.conventions import schema as schema  # registers itself with drf-spectacular
from labeling.api.curation.comments import CommentsView, CommentView
from labeling.api.data.exports import ExportsView, ExportView
from labeling.api.data.import_life import (
    ImportCancelView,
    ImportSkippedView,
    ImportTakeView,
    ImportUndoView,
    ImportView,
)
from labeling.api.data.imports import ImportsView
from labeling.api.data.judgments import JudgmentsView
from labeling.api.data.preferences import PreferencesView
from labeling.api.docs import docs
from labeling.api.hand_outs.holding import KeepView, ReleaseView
from labeling.api.hand_outs.views import AnswerView, NextView, SkipView, UndoView
from labeling.api.material.comparison_decisions import (
    PrioritiesView,
    RestoreView,
    ReturnView,
    SetAsideView,
    WithdrawView,
)
from labeling.api.material.comparisons import ComparisonsView, ComparisonView
from labeling.api.material.gold import (
    DropGoldView,
    GoldCandidatesView,
    GoldsView,
    GoldView,
    ReleaseGoldView,
    RetireGoldView,
)
from labeling.api.material.preferences import (
    DoubtView,
    ExcludePreferencesView,
    PreferenceView,
    RestorePreferencesView,
    UndoPreferencesView,
)
from labeling.api.material.prompts import PromptsView, PromptView
from labeling.api.material.questions import DoubtsView, FlagsView
from labeling.api.material.responses import ResponsesView
from labeling.api.measures import AgreementView, LabelersView, MeasuresView
from labeling.api.people.decisions import (
    ExcludeMemberView,
    ReadmitMemberView,
    ReleaseMemberView,
    ReviewMemberView,
)
from labeling.api.people.invitations import InvitationsView, InvitationView
from labeling.api.people.members import MembersView, MemberView, WeighView
from labeling.api.projects.audit import AuditView
from labeling.api.projects.guidelines import (
    CurrentGuidelinesView,
    GuidelinesView,
    GuidelineVersionView,
)
from labeling.api.projects.overview import IndexView, ProjectsView, ProjectView
from labeling.api.projects.settings import ProjectSettingsView
from labeling.api.projects.webhooks import (
    DeliveriesView,
    DeliveryView,
    ResendView,
    WebhookSecretView,
    WebhooksView,
    WebhookTestView,
    WebhookView,
)
from labeling.api.snapshots.files import SnapshotDiffView, SnapshotFileView
from labeling.api.snapshots.pushes import SnapshotPushesView
from labeling.api.snapshots.views import SnapshotsView, SnapshotView, TakingsView

PROJECT = "v1/projects/<slug:slug>/"
MEMBER = f"{PROJECT}members/<int:pk>"
PROMPT = f"{PROJECT}prompts/<int:pk>"
COMPARISON = f"{PROJECT}comparisons/<int:pk>"
PREFERENCE = f"{PROJECT}preferences/<int:pk>"
WEBHOOKS = f"{PROJECT}webhooks/"

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
    path(f"{PROJECT}audit/", AuditView.as_view(), name="api-audit"),
    path(f"{PROJECT}prompts/", PromptsView.as_view(), name="api-prompts"),
    path(f"{PROMPT}/", PromptView.as_view(), name="api-prompt"),
    path(f"{PROMPT}/responses/", ResponsesView.as_view(), name="api-responses"),
    path(f"{PROJECT}comparisons/", ComparisonsView.as_view(), name="api-comparisons"),
    path(f"{PROJECT}comparisons/priorities/", PrioritiesView.as_view(), name="api-priorities"),
    path(f"{COMPARISON}/", ComparisonView.as_view(), name="api-comparison"),
    path(f"{COMPARISON}/withdraw/", WithdrawView.as_view(), name="api-withdraw"),
    path(f"{COMPARISON}/restore/", RestoreView.as_view(), name="api-restore"),
    path(f"{COMPARISON}/set-aside/", SetAsideView.as_view(), name="api-set-aside"),
    path(f"{COMPARISON}/return/", ReturnView.as_view(), name="api-return"),
    path(
        f"{PROJECT}preferences/exclude/",
        ExcludePreferencesView.as_view(),
        name="api-preferences-exclude",
    ),
    path(
        f"{PROJECT}preferences/restore/",
        RestorePreferencesView.as_view(),
        name="api-preferences-restore",
    ),
    path(f"{PROJECT}preferences/undo/", UndoPreferencesView.as_view(), name="api-preferences-undo"),
    path(f"{PREFERENCE}/", PreferenceView.as_view(), name="api-preference"),
    path(f"{PREFERENCE}/doubt/", DoubtView.as_view(), name="api-preference-doubt"),
    path(f"{PROJECT}flags/", FlagsView.as_view(), name="api-flags"),
    path(f"{PROJECT}doubts/", DoubtsView.as_view(), name="api-doubts"),
    path(f"{PROJECT}gold/", GoldsView.as_view(), name="api-golds"),
    path(f"{PROJECT}gold/candidates/", GoldCandidatesView.as_view(), name="api-gold-candidates"),
    path(f"{PROJECT}gold/release/", ReleaseGoldView.as_view(), name="api-gold-release"),
    path(f"{PROJECT}gold/drop/", DropGoldView.as_view(), name="api-gold-drop"),
    path(f"{PROJECT}gold/<int:pk>/", GoldView.as_view(), name="api-gold"),
    path(f"{PROJECT}gold/<int:pk>/retire/", RetireGoldView.as_view(), name="api-gold-retire"),
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
    path(f"{PROJECT}imports/", ImportsView.as_view(), name="api-imports"),
    path(f"{PROJECT}snapshots/", SnapshotsView.as_view(), name="api-snapshots"),
    path(
        f"{PROJECT}snapshots/takings/",
        TakingsView.as_view(),
        name="api-snapshot-takings",
    ),
    path(
        f"{PROJECT}snapshots/diff/",
        SnapshotDiffView.as_view(),
        name="api-snapshot-diff",
    ),
    path(f"{PROJECT}snapshots/<int:pk>/", SnapshotView.as_view(), name="api-snapshot"),
    path(
        f"{PROJECT}snapshots/<int:pk>/files/<str:name>",
        SnapshotFileView.as_view(),
        name="api-snapshot-file",
    ),
    path(
        f"{PROJECT}snapshots/<int:pk>/pushes/",
        SnapshotPushesView.as_view(),
        name="api-snapshot-pushes",
    ),
    path(f"{PROJECT}imports/<int:pk>/", ImportView.as_view(), name="api-import"),
    path(
        f"{PROJECT}imports/<int:pk>/skipped/",
        ImportSkippedView.as_view(),
        name="api-import-skipped",
    ),
    path(
        f"{PROJECT}imports/<int:pk>/take/",
        ImportTakeView.as_view(),
        name="api-import-take",
    ),
    path(
        f"{PROJECT}imports/<int:pk>/cancel/",
        ImportCancelView.as_view(),
        name="api-import-cancel",
    ),
    path(
        f"{PROJECT}imports/<int:pk>/undo/",
        ImportUndoView.as_view(),
        name="api-import-undo",
    ),
    path(f"{PROJECT}exports/", ExportsView.as_view(), name="api-exports"),
    path(f"{PROJECT}exports/<uuid:uuid>/", ExportView.as_view(), name="api-export"),
    path(f"{PROJECT}comments/", CommentsView.as_view(), name="api-comments"),
    path(f"{PROJECT}comments/<int:pk>/", CommentView.as_view(), name="api-comment"),
    path(WEBHOOKS, WebhooksView.as_view(), name="api-webhooks"),
    path(f"{WEBHOOKS}<int:pk>/", WebhookView.as_view(), name="api-webhook"),
    path(f"{WEBHOOKS}<int:pk>/secret/", WebhookSecretView.as_view(), name="api-webhook-secret"),
    path(f"{WEBHOOKS}<int:pk>/test/", WebhookTestView.as_view(), name="api-webhook-test"),
    path(f"{WEBHOOKS}<int:pk>/deliveries/", DeliveriesView.as_view(), name="api-deliveries"),
    path(
        f"{WEBHOOKS}<int:pk>/deliveries/<int:delivery>/",
        DeliveryView.as_view(),
        name="api-delivery",
    ),
    path(
        f"{WEBHOOKS}<int:pk>/deliveries/<int:delivery>/resend/",
        ResendView.as_view(),
        name="api-delivery-resend",
    ),
    path(f"{PROJECT}measures/", MeasuresView.as_view(), name="api-measures"),
    path(f"{PROJECT}measures/agreement/", AgreementView.as_view(), name="api-agreement"),
    path(f"{PROJECT}measures/labelers/", LabelersView.as_view(), name="api-labelers"),
    path("v1/projects/<slug:slug>/next/", NextView.as_view(), name="api-next"),
    path("v1/hand-outs/<uuid:uuid>/answer/", AnswerView.as_view(), name="api-answer"),
    path("v1/hand-outs/<uuid:uuid>/skip/", SkipView.as_view(), name="api-skip"),
    path("v1/hand-outs/<uuid:uuid>/keep/", KeepView.as_view(), name="api-keep"),
    path("v1/hand-outs/<uuid:uuid>/release/", ReleaseView.as_view(), name="api-release"),
    path("v1/hand-outs/<uuid:uuid>/undo/", UndoView.as_view(), name="api-undo"),
]
