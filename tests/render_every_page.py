"""Opens every page and endpoint in this fresh interpreter, and prints what it cost in modules.

    python -m tests.render_every_page

Prints one line of JSON: the status of each address by name, and which heavy libraries were
loaded. Addresses come from the URL configuration, so a new page is opened without being listed.
"""

import json
import sys
from typing import Any

import django

HEAVY = ("torch", "transformers", "accelerate", "peft", "safetensors", "datasets", "pyarrow", "mcp")


def main() -> None:
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    print(json.dumps({"pages": open_all(), "heavy": [m for m in HEAVY if m in sys.modules]}))


def open_all() -> dict[str, int]:
    from django.test import Client
    from django.urls import reverse

    user, values = make_rows()
    client = Client()
    client.force_login(user)
    statuses = {}
    for name, parameters in named_addresses():
        arguments = {key: value_for(name, key, values) for key in parameters}
        url = reverse(name, kwargs=arguments)
        statuses[name] = client.get(url, REMOTE_ADDR="127.0.0.1").status_code
    return statuses


def named_addresses() -> list[tuple[str, list[str]]]:
    """Every named address outside the admin, with the names of its parameters."""
    from django.urls import URLPattern, get_resolver

    found = []
    waiting: list[tuple[Any, list[str]]] = [
        (pattern, []) for pattern in get_resolver().url_patterns
    ]
    while waiting:
        pattern, above = waiting.pop(0)
        parameters = above + list(pattern.pattern.converters)
        if isinstance(pattern, URLPattern):
            if pattern.name:
                found.append((pattern.name, parameters))
        elif pattern.namespace is None:
            waiting += [(inner, parameters) for inner in pattern.url_patterns]
    return found


def value_for(name: str, parameter: str, values: dict[str, Any]) -> Any:
    """A row of the kind that the address is about: `run-live` and `pk` mean the run."""
    first, *rest = name.split("-")
    of_api = f"api-{rest[0]}.{parameter}" if first == "api" and rest else ""
    for key in (f"{name}.{parameter}", of_api, f"{first}.{parameter}", parameter):
        if key in values:
            return values[key]
    raise SystemExit(f"Teach tests/render_every_page.py what {parameter!r} is for {name!r}.")


def make_rows() -> tuple[Any, dict[str, Any]]:
    from django.utils import timezone

    from labeling.curation.comments import add_comment
    from labeling.importing import ImportReport
    from labeling.models import (
        Export,
        Import,
        Judgment,
        Membership,
        Preference,
        Role,
        Snapshot,
        SnapshotTaking,
    )
    from labeling.people.invitations import create_invitation
    from labeling.projects.webhooks import create_webhook, send_test
    from labeling.snapshots.filters import SnapshotFilter
    from labeling.snapshots.taking import take_by_hand
    from modeling.models import RewardModel, Run
    from tests.factories import claim, claim_and_judge, make_comparisons, make_project, make_user
    from tests.modeling.page_helpers import log_metrics, make_history, make_run

    owner, project = make_user("owner", is_superuser=True, is_staff=True), make_project()
    Membership.objects.create(project=project, user=owner, role="admin")
    make_comparisons(project, 4)
    claim_and_judge(owner, project)
    assignment = claim(owner, project)
    assert assignment is not None
    make_history(project, 2)
    snapshot = take_by_hand(project, owner, "Spring", SnapshotFilter.parse({}))
    assert isinstance(snapshot, Snapshot)
    wish = SnapshotTaking.objects.create(
        project=project, name="Summer", up_to=1, total=1, touched_at=timezone.now()
    )
    invitation, token = create_invitation(project, owner, Role.LABELER)
    run = make_run(project, Run.State.RUNNING, progress=0.5)
    log_metrics(run, "train/loss", [0.7, 0.6])
    taken = Import.objects.create(
        project=project, name="rows.jsonl", state=Import.State.DONE, touched_at=timezone.now(),
        report=ImportReport(rows=2, prompts_new=1).as_dict(),
    )  # fmt: skip
    comment = add_comment(project, owner, assignment.comparison_id, "Ask @owner.")
    told = {"address": "https://1.1.1.1/hook", "events": ["judgment.made"]}
    hook = create_webhook(project, owner, told).webhook
    return owner, {
        "slug": project.slug,
        "uuid": assignment.uuid,
        "version": 1,
        "number": 1,
        "run.pk": run.pk,
        "reward.pk": RewardModel.objects.earliest("pk").pk,
        "labeler.pk": Membership.objects.get().pk,
        "my.pk": Judgment.objects.get(labeler=owner).pk,
        "flagged.pk": Judgment.objects.get(labeler=owner).pk,
        "gold.pk": 1,
        "api.number": 1,
        "comment.pk": comment.pk,
        "comment-add.pk": comment.comparison_id,
        "note-add.pk": Judgment.objects.get(labeler=owner).pk,
        "quality.pk": Membership.objects.get().pk,
        "invitation.token": token,
        "invitation.pk": invitation.pk,
        "confirm-email.token": "abc",
        "member.pk": Membership.objects.get().pk,
        "snapshot.pk": snapshot.pk,
        "taking.pk": wish.pk,
        "api-snapshot.pk": snapshot.pk,
        "api-snapshot-file.pk": snapshot.pk,
        "api-snapshot-file.name": "README.md",
        "api-snapshot-pushes.pk": snapshot.pk,
        "preference.pk": Preference.objects.get().pk,
        "import.pk": taken.pk,
        "import-skipped.format": "csv",
        "api-import.pk": taken.pk,
        "api-import-skipped.pk": taken.pk,
        "api-import-undo.pk": taken.pk,
        "api-import-take.pk": taken.pk,
        "api-import-cancel.pk": taken.pk,
        "api-export.uuid": Export.objects.create(project=project, file_name="x").uuid,
        "webhook.pk": hook.pk,
        "api-webhook.pk": hook.pk,
        "api-deliveries.pk": hook.pk,
        "api-delivery.pk": hook.pk,
        "delivery": send_test(hook, owner).pk,
        "demo.secret": "x",
        "api.pk": 1,
        "api-run.pk": run.pk,
        "set-password.uidb64": "MQ",
        "set-password.token": "abc-123",
    }


if __name__ == "__main__":
    main()
