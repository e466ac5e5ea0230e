"""Which policies and reward models a project has, and which of them are in service.

A promotion or a roll-back changes a pointer in `Loop` and nothing else. Whoever decides on what is
in service, or makes a version, holds the project's row of `Loop` meanwhile (`deciding`): pointer,
standing, round and audit entry change together, for one at a time. It is locked before rounds and
comparisons, and after a run's own row.
"""

import json
import os
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import transaction

from config.nudges import nudge
from labeling.models import Project, User
from labeling.network.reachable import look_up
from labeling.people.audit import write_entry
from labeling.projects.model_locations import NotUsable, check_model, written
from labeling.texts.shown_paths import without_paths
from labeling.webhooks import events
from labeling.webhooks.outbox import link
from modeling.core.generating.servers.chat_server import HOSTS, ChatServer, is_server, parse_server
from modeling.core.generating.servers.reachable import (
    check_addresses,
    check_unasked,
    reach_of,
)
from modeling.core.program.errors import ProgramError
from modeling.models import Loop, Policy
from modeling.models.deciding import deciding, in_service
from modeling.models.versions import next_version

LANGUAGE_MODELS = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")

LOOK_UP_SECONDS = 3.0  # for the addresses of a new policy's server


def check_policy(location: str, project: Project | None = None) -> None:
    """Raises NotUsable unless the project may use a folder that holds a language model, or a server
    at this address. Hub ids and addresses are checked by their form: nothing is downloaded and
    nobody is asked here."""
    if is_server(location):
        _check_server(location)
        return
    folder = check_model(location, project)
    architectures = _architectures(folder) if folder else []
    if architectures and not any(name.endswith(LANGUAGE_MODELS) for name in architectures):
        raise NotUsable(
            f"{without_paths(str(folder))} holds a {architectures[0]}, which does not write text: "
            "a policy is a causal language model."
        )


def _architectures(folder: Path) -> list[str]:
    path = folder / "config.json"
    try:
        config = json.loads(path.read_bytes())
    except ValueError as problem:
        raise NotUsable(
            f"{without_paths(str(path))} is not JSON: the model folder is damaged."
        ) from problem
    names = config.get("architectures") if isinstance(config, dict) else None
    return [str(name) for name in names] if isinstance(names, list) else []


def _check_server(location: str, *, look: bool = False) -> None:
    """Raises NotUsable for an address that nobody may connect to. `look`: the name's addresses are
    checked too, where it has any here. Whoever connects checks them again
    (labeling/network/checked_network.py): this is to say at once what would fail a
    minute later."""
    try:
        server = parse_server(location)
        reach = reach_of(settings.POLICY_PRIVATE_HOSTS)
        check_unasked(server.host, reach)
        _check_key(server)
        if look:
            check_addresses(server.host, look_up(server.host, LOOK_UP_SECONDS), reach)
    except ProgramError as problem:
        raise NotUsable(f"{problem.message} {problem.hint}") from problem


def _check_key(server: ChatServer) -> None:
    """Checks whether the key may go to this server, where this process knows the key or its
    servers; often workers alone do."""
    name = server.api_key_env
    if name and (os.environ.get(name) or os.environ.get(name + HOSTS)):
        server.check_key_may_go()


def _short_name(location: str) -> str:
    name = parse_server(location).model if is_server(location) else location
    return Path(name).name


def _check_lengths(**texts: str) -> None:
    """Raises NotUsable for a text that its column cannot hold. A name may be that of a folder, and
    commands pass no form: PostgreSQL would refuse it, and SQLite keep what no form takes back."""
    for field, text in texts.items():
        most: int = getattr(Policy._meta.get_field(field), "max_length", 0)
        if len(text) > most:
            raise NotUsable(
                f"The policy's {field} has {len(text):,} characters, and at most {most:,} are kept."
                + (" Give it a shorter one." if field == "name" else "")
            )


def register_policy(
    project: Project,
    name: str,
    location: str,
    by: User | None = None,
    *,
    make_current: bool = True,
    notes: str = "",
    compare: bool = False,
) -> Policy:
    """A new version of the policy; unless told otherwise it takes over sampling. `compare`: it
    waits for its blind comparison instead. Outside of transactions: it may ask for addresses."""
    location = location.strip()
    if is_server(location):
        _check_server(location, look=True)
    else:
        check_policy(location, project)
        location = written(location, project)
    name = name.strip() or _short_name(location)
    _check_lengths(name=name, location=location, notes=notes)
    with deciding(project) as loop:
        policy = Policy.objects.create(
            project=project,
            version=next_version(Policy.objects.filter(project=project)),
            name=name,
            location=location,
            parent=loop.policy,
            notes=notes,
            created_by=by,
            status=Policy.Status.CANDIDATE if compare else Policy.Status.ACCEPTED,
        )
        write_entry(project, by, "policy registered", policy, location=location)
        if compare:
            write_entry(project, by, "policy to be compared", policy)
            transaction.on_commit(partial(nudge, "modeling.tasks.advance", project.pk))
        elif make_current:
            point_at(policy, by, loop)
    return policy


def make_current(policy: Policy, by: User | None) -> bool:
    """Puts this version in service (also the way back to an earlier one). False: it was so already,
    or somebody else changed the pointer at the same moment."""
    before, _ = in_service(policy.project)
    check_policy(policy.location, policy.project)
    with deciding(policy.project) as loop:
        return loop.policy_id == before and point_at(policy, by, loop)


def point_at(policy: Policy, by: User | None, loop: Loop) -> bool:
    """Puts this version in service. `loop`: as `deciding` gives it. False: it was so already."""
    before = loop.policy
    if before == policy:
        return False
    loop.policy = policy
    loop.save(update_fields=["policy"])
    write_entry(
        policy.project,
        by,
        "policy put in service",
        policy,
        instead_of=before.version if before else None,
    )
    events.model_promoted(
        policy.project,
        by,
        kind="policy",
        version=policy.version,
        name=policy.name,
        instead_of=before.version if before else None,
        reason=without_paths(policy.verdict),
        url=link("policies", policy.project.slug),
    )
    transaction.on_commit(partial(nudge, "modeling.tasks.advance", policy.project_id))
    return True
