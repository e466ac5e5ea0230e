"""Addresses."""

from django.urls import URLPattern, path

from labeling.pages.curation import (
    agreement,
    comments,
    flagged,
    gold,
    preference_changes,
    preferences,
    quality_control,
    snapshot_exchange,
    snapshots,
)
from labeling.pages.curation import dashboard as curation
from labeling.pages.judging import labeling, my_work
from labeling.pages.people import invitations, members, my_settings, person
from labeling.pages.people.signing_in import account, accounts, demo, tokens
from labeling.pages.projects import (
    guidelines,
    home,
    importing,
    mapping,
    mode_forms,
    projects,
    webhooks,
)

urlpatterns: list[URLPattern] = [
    path("", home.home, name="home"),
    path("sign-in/", accounts.sign_in, name="sign-in"),
    path("sign-out/", accounts.sign_out, name="sign-out"),
    path("demo/<str:secret>/", demo.enter, name="demo"),
    path("demo-sign-in/", demo.demo_sign_in, name="demo-sign-in"),
    path("projects/<slug:slug>/label/", labeling.label, name="label"),
    path("assignments/<uuid:uuid>/judgment/", labeling.judge, name="judge"),
    path("assignments/<uuid:uuid>/heartbeat/", labeling.heartbeat, name="heartbeat"),
    path("projects/<slug:slug>/ahead/", labeling.ahead, name="ahead"),
    path("assignments/let-go/", labeling.let_go, name="let-go"),
    path("projects/<slug:slug>/undo/", labeling.undo, name="undo"),
    path("projects/<slug:slug>/guidelines/", labeling.guidelines, name="guidelines"),
    path("projects/<slug:slug>/curation/", curation.dashboard, name="curation"),
    path("projects/<slug:slug>/curation/agreement/", agreement.agreement_page, name="agreement"),
    path("projects/<slug:slug>/flagged/", flagged.flagged, name="flagged"),
    path(
        "projects/<slug:slug>/flagged/<int:pk>/withdraw/",
        flagged.flagged_withdraw,
        name="flagged-withdraw",
    ),
    path(
        "projects/<slug:slug>/flagged/<int:pk>/restore/",
        flagged.flagged_restore,
        name="flagged-restore",
    ),
    path("projects/<slug:slug>/comments/", comments.comments_page, name="comments"),
    path(
        "projects/<slug:slug>/comparisons/<int:pk>/comments/",
        comments.comment_add,
        name="comment-add",
    ),
    path(
        "projects/<slug:slug>/comments/<int:pk>/resolve/",
        comments.comment_resolve,
        name="comment-resolve",
    ),
    path("projects/<slug:slug>/audit/", curation.audit, name="audit"),
    path("projects/<slug:slug>/preferences/", preferences.preferences, name="preferences"),
    path("projects/<slug:slug>/preferences/<int:pk>/", preferences.preference, name="preference"),
    path(
        "projects/<slug:slug>/preferences/exclude/",
        preference_changes.preferences_exclude,
        name="preferences-exclude",
    ),
    path(
        "projects/<slug:slug>/preferences/restore/",
        preference_changes.preferences_restore,
        name="preferences-restore",
    ),
    path(
        "projects/<slug:slug>/preferences/<int:pk>/doubt/",
        preference_changes.preference_doubt,
        name="preference-doubt",
    ),
    path(
        "projects/<slug:slug>/preferences/undo/",
        preference_changes.preferences_undo,
        name="preferences-undo",
    ),
    path("projects/<slug:slug>/snapshots/", snapshots.snapshots, name="snapshots"),
    path("projects/<slug:slug>/snapshots/new/", snapshots.snapshot_new, name="snapshot-new"),
    path(
        "projects/<slug:slug>/snapshots/diff/",
        snapshot_exchange.snapshot_diff,
        name="snapshot-diff",
    ),
    path("projects/<slug:slug>/snapshots/<int:pk>/", snapshots.snapshot, name="snapshot"),
    path(
        "projects/<slug:slug>/snapshots/<int:pk>/name/",
        snapshots.snapshot_name,
        name="snapshot-name",
    ),
    path(
        "projects/<slug:slug>/snapshots/<int:pk>/delete/",
        snapshots.snapshot_delete,
        name="snapshot-delete",
    ),
    path(
        "projects/<slug:slug>/snapshots/<int:pk>/push/",
        snapshot_exchange.snapshot_push,
        name="snapshot-push",
    ),
    path(
        "projects/<slug:slug>/snapshots/takings/<int:pk>/call-off/",
        snapshots.taking_call_off,
        name="taking-call-off",
    ),
    path(
        "projects/<slug:slug>/snapshots/takings/<int:pk>/again/",
        snapshots.taking_again,
        name="taking-again",
    ),
    path(
        "projects/<slug:slug>/quality-control/",
        quality_control.quality_control,
        name="quality-control",
    ),
    path("projects/<slug:slug>/gold/make/", quality_control.gold_make, name="gold-make"),
    path("projects/<slug:slug>/gold/bring/", gold.gold_bring, name="gold-bring"),
    path("projects/<slug:slug>/gold/decide/", gold.gold_decide, name="gold-decide"),
    path("projects/<slug:slug>/gold/look/", gold.gold_look, name="gold-look"),
    path("projects/<slug:slug>/gold/<int:pk>/", gold.gold_page, name="gold"),
    path("projects/<slug:slug>/gold/approve/", quality_control.gold_approve, name="gold-approve"),
    path(
        "projects/<slug:slug>/gold/<int:pk>/retire/",
        quality_control.gold_retire,
        name="gold-retire",
    ),
    path(
        "projects/<slug:slug>/people/<int:pk>/review/",
        quality_control.review,
        name="quality-review",
    ),
    path("projects/new/", projects.project_new, name="project-new"),
    path("projects/preview/", mode_forms.mode_preview, name="mode-preview"),
    path("projects/<slug:slug>/settings/", projects.project_settings, name="project-settings"),
    path(
        "projects/<slug:slug>/guidelines/edit/", guidelines.guidelines_edit, name="guidelines-edit"
    ),
    path(
        "projects/<slug:slug>/guidelines/history/",
        guidelines.guidelines_history,
        name="guidelines-history",
    ),
    path("projects/<slug:slug>/my-work/", my_work.my_work, name="my-work"),
    path("projects/<slug:slug>/my-work/<int:pk>/", my_work.my_judgment, name="my-judgment"),
    path("projects/<slug:slug>/people/", members.people, name="members"),
    path("projects/<slug:slug>/people/weigh/", members.weigh_now, name="members-weigh"),
    path(
        "projects/<slug:slug>/people/invitations/",
        invitations.invitation_new,
        name="invitation-new",
    ),
    path(
        "projects/<slug:slug>/people/invitations/<int:pk>/withdraw/",
        invitations.invitation_withdraw,
        name="invitation-withdraw",
    ),
    path("invitations/<int:pk>/answer/", invitations.invitation_answer, name="invitation-answer"),
    path("invitations/<str:token>/", invitations.invitation_page, name="invitation"),
    path("projects/<slug:slug>/people/<int:pk>/measures/", person.person, name="member"),
    path("projects/<slug:slug>/people/<int:pk>/pause/", person.member_pause, name="member-pause"),
    path(
        "projects/<slug:slug>/people/<int:pk>/reassign/",
        person.member_reassign,
        name="member-reassign",
    ),
    path(
        "projects/<slug:slug>/people/<int:pk>/take-out/",
        person.member_take_out,
        name="member-take-out",
    ),
    path(
        "projects/<slug:slug>/people/<int:pk>/bring-back/",
        person.member_bring_back,
        name="member-bring-back",
    ),
    path("projects/<slug:slug>/people/add/", members.member_add, name="member-add"),
    path("projects/<slug:slug>/people/invite/", members.member_invite, name="member-invite"),
    path("projects/<slug:slug>/people/<int:pk>/", members.member_change, name="member-change"),
    path(
        "projects/<slug:slug>/people/<int:pk>/remove/",
        members.member_remove,
        name="member-remove",
    ),
    path("set-password/<uidb64>/<token>/", account.set_password, name="set-password"),
    path("projects/<slug:slug>/import/", importing.import_page, name="import"),
    path("projects/<slug:slug>/import/columns/", mapping.map_columns, name="map-columns"),
    path(
        "projects/<slug:slug>/import/<int:pk>/skipped/",
        importing.skipped_lines,
        name="skipped-lines",
    ),
    path("projects/<slug:slug>/webhooks/", webhooks.webhooks, name="webhooks"),
    path("projects/<slug:slug>/webhooks/<int:pk>/", webhooks.webhook, name="webhook"),
    path(
        "projects/<slug:slug>/webhooks/<int:pk>/secret/",
        webhooks.webhook_rotate,
        name="webhook-rotate",
    ),
    path(
        "projects/<slug:slug>/webhooks/<int:pk>/test/", webhooks.webhook_test, name="webhook-test"
    ),
    path(
        "projects/<slug:slug>/webhooks/<int:pk>/remove/",
        webhooks.webhook_remove,
        name="webhook-remove",
    ),
    path(
        "projects/<slug:slug>/webhooks/<int:pk>/deliveries/<int:delivery>/",
        webhooks.webhook_delivery,
        name="webhook-delivery",
    ),
    path(
        "projects/<slug:slug>/webhooks/<int:pk>/deliveries/<int:delivery>/resend/",
        webhooks.webhook_resend,
        name="webhook-resend",
    ),
    path("account/", account.account, name="account"),
    path("account/name/", account.account_name, name="account-name"),
    path("account/timezone/", account.account_timezone, name="account-timezone"),
    path("account/email/", account.account_email, name="account-email"),
    path("account/email/<str:token>/", account.confirm_email, name="confirm-email"),
    path("account/password/", account.account_password, name="account-password"),
    path("forgotten/", account.password_forgotten, name="password-forgotten"),
    path("forgotten/mailed/", account.password_mailed, name="password-mailed"),
    path("account/settings/", my_settings.my_settings, name="my-settings"),
    path("account/api-token/", tokens.api_token, name="api-token"),
    path("account/api-token/<int:pk>/revoke/", tokens.api_token_revoke, name="api-token-revoke"),
]
