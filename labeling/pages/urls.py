"""Addresses."""

from django.urls import URLPattern, path

from labeling.pages import (
    accounts,
    agreement,
    curation,
    flagged,
    guidelines,
    home,
    importing,
    invitations,
    labeling,
    members,
    mode_forms,
    my_settings,
    my_work,
    person,
    preference_changes,
    preferences,
    projects,
    quality_control,
    tokens,
)

urlpatterns: list[URLPattern] = [
    path("", home.home, name="home"),
    path("sign-in/", accounts.sign_in, name="sign-in"),
    path("sign-out/", accounts.sign_out, name="sign-out"),
    path("demo-sign-in/", accounts.demo_sign_in, name="demo-sign-in"),
    path("projects/<slug:slug>/label/", labeling.label, name="label"),
    path("assignments/<uuid:uuid>/judgment/", labeling.judge, name="judge"),
    path("assignments/<uuid:uuid>/heartbeat/", labeling.heartbeat, name="heartbeat"),
    path("projects/<slug:slug>/ahead/", labeling.ahead, name="ahead"),
    path("assignments/let-go/", labeling.let_go, name="let-go"),
    path("projects/<slug:slug>/undo/", labeling.undo, name="undo"),
    path("projects/<slug:slug>/guidelines/", labeling.guidelines, name="guidelines"),
    path("projects/<slug:slug>/curation/", curation.dashboard, name="curation"),
    path(
        "projects/<slug:slug>/curation/agreement/", agreement.agreement_page, name="agreement"
    ),
    path("projects/<slug:slug>/flagged/", flagged.flagged, name="flagged"),
    path(
        "projects/<slug:slug>/flagged/<int:pk>/withdraw/",
        flagged.flagged_withdraw,
        name="flagged-withdraw",
    ),
    path("projects/<slug:slug>/audit/", curation.audit, name="audit"),
    path("projects/<slug:slug>/preferences/", preferences.preferences, name="preferences"),
    path(
        "projects/<slug:slug>/preferences/<int:pk>/", preferences.preference, name="preference"
    ),
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
        "projects/<slug:slug>/preferences/undo/",
        preference_changes.preferences_undo,
        name="preferences-undo",
    ),
    path(
        "projects/<slug:slug>/quality-control/",
        quality_control.quality_control,
        name="quality-control",
    ),
    path("projects/<slug:slug>/gold/make/", quality_control.gold_make, name="gold-make"),
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
    path("invitations/<str:token>/", invitations.invitation, name="invitation"),
    path("projects/<slug:slug>/people/<int:pk>/measures/", person.person, name="member"),
    path(
        "projects/<slug:slug>/people/<int:pk>/pause/", person.member_pause, name="member-pause"
    ),
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
    path(
        "projects/<slug:slug>/people/<int:pk>/link/",
        members.member_invite_again,
        name="member-invite-again",
    ),
    path("projects/<slug:slug>/people/<int:pk>/", members.member_change, name="member-change"),
    path(
        "projects/<slug:slug>/people/<int:pk>/remove/",
        members.member_remove,
        name="member-remove",
    ),
    path(
        "set-password/<uidb64>/<token>/", members.SetPassword.as_view(), name="set-password"
    ),
    path("projects/<slug:slug>/import/", importing.import_page, name="import"),
    path("account/settings/", my_settings.my_settings, name="my-settings"),
    path("account/api-token/", tokens.api_token, name="api-token"),
]
