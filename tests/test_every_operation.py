"""Whatever the API's description allows or forbids is sent to every operation, in every role: the
answer is one of those that the description has, and looks as it says.

Operations are found in the description, so a new one is asked without being listed. What is sent is
drawn from it by schemathesis, the same at each run: values at their limits, and random ones.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given
from schemathesis import Case, GenerationMode
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.generation.feedback import NO_FEEDBACK
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from labeling.api.conventions.schema import names_of_paths
from labeling.models import Assignment, Project, Role, Scope, User
from labeling.people.signing_in.tokens import make_token
from labeling.preferences.snapshots import take_snapshot
from modeling.models import Loop, Policy, Run
from modeling.reward_models import serving
from tests.factories import make_member
from tests.modeling.page_helpers import make_run
from tests.render_every_page import make_rows, value_for

pytestmark = pytest.mark.django_db

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
NOBODY, WITHOUT_SCOPE = "nobody", "a token without the scope"
EXAMPLES = {Role.ADMIN: 12, Role.CURATOR: 3, Role.LABELER: 3, NOBODY: 2, WITHOUT_SCOPE: 2}
AT_LIMITS = 30


@schemathesis.serializer("application/x-ndjson")
def as_lines(context: Any, value: Any) -> bytes:
    """Sends a body that the description calls binary as it was drawn."""
    return getattr(value, "data", value)


def read_to_the_end(environ: dict[str, Any], start: Any) -> list[bytes]:
    """The product as a server runs it: an answer is read, and closed."""
    answer: Any = WSGIHandler()(environ, start)
    try:
        return [b"".join(answer)]
    finally:
        answer.close()


@cache
def described() -> Any:
    schema = SchemaGenerator().get_schema(request=None, public=True)
    loaded = schemathesis.openapi.from_dict(schema)
    loaded.app = read_to_the_end
    return loaded


@cache
def operations() -> dict[str, Any]:
    found = (one.ok() for one in described().get_all_operations())
    return {one.definition.raw["operationId"]: one for one in found}


@pytest.fixture
def values(settings: Any, tmp_path: Path) -> dict[str, Any]:
    """A project with a row of every kind, and what addresses call them. What an operation is for is
    there for it: an answer to take back, a failed run to try again, a policy to reject."""
    settings.DATA_DIR = tmp_path
    owner, values = make_rows()
    project = Project.objects.get(slug=values["slug"])
    Loop.objects.filter(project=project).update(improvement_stopped="The guard has stopped it.")
    other = Policy.objects.create(project=project, version=2, name="q", location="org/q")
    failed = make_run(project, Run.State.FAILED, kind=Run.Kind.SAMPLE, error="Out of memory.")
    trained = make_run(project, snapshot=take_snapshot(project))
    trained.folder.mkdir(parents=True, exist_ok=True)
    (trained.folder / "predictions.jsonl").write_text('{"id": "1"}\n')
    (trained.folder / "log.txt").write_text("step 1\nstep 2\n")
    answered = Assignment.objects.filter(labeler=owner, state=Assignment.State.JUDGED).get()
    return values | {
        "api-run-retry.pk": failed.pk,
        "api-run-log.pk": trained.pk,
        "api-run-snapshot.pk": trained.pk,
        "api-run-predictions.pk": trained.pk,
        "api-policy-compare.version": other.version,
        "api-policy-reject.version": other.version,
        "api-undo.uuid": answered.uuid,
    }


@pytest.fixture(autouse=True)
def one_transaction() -> Iterator[None]:
    """Keeps the connection open between requests, as Django's own test client does: what a test has
    made is never committed."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture(autouse=True)
def scorer(monkeypatch: pytest.MonkeyPatch) -> None:
    def score(model: Any, texts: Any, *, way: Any) -> Any:
        return serving.combined(texts, [[float(len(one.response))] for one in texts], way, 1.0)

    monkeypatch.setattr(serving, "score", score)


def sender(role: str, values: dict[str, Any], needed: str) -> dict[str, str]:
    """The headers with which somebody of this role asks."""
    if role == NOBODY:
        return {}
    project = Project.objects.get(slug=values["slug"])
    if role == Role.ADMIN:
        person, scopes = User.objects.get(username="owner"), tuple(Scope)
    elif role == WITHOUT_SCOPE:
        person = make_member(project, Role.ADMIN)
        scopes = tuple(scope for scope in Scope if scope.value != needed)
    else:
        person, scopes = make_member(project, role), tuple(Scope)
    return {"Authorization": f"Bearer {make_token(person, 'A program', scopes)[1]}"}


def real_path(operation: Any, values: dict[str, Any]) -> dict[str, Any]:
    """The parameters of the address, for rows that there are."""
    name = "api-" + names_of_paths()[operation.path].replace("_", "-")
    names = [one.name for one in operation.path_parameters]
    return {one: str(value_for(name, {"id": "pk"}.get(one, one), values)) for one in names}


def at_limits(operation: Any, path: dict[str, Any]) -> Iterator[Case]:
    """Cases whose values lie at the limits of what is allowed, on both sides."""
    cases = described().iter_coverage_cases(
        operation,
        generation_modes=list(GenerationMode),
        generation_config=described().config.generation,
    )
    for case in islice(cases, AT_LIMITS):
        if case.method.upper() == operation.method.upper():
            yield case
            if path:
                case.path_parameters = path
                yield case


def send(cases: Iterable[Case], headers: dict[str, str]) -> list[int]:
    """Sends each as if it were the first: what it has changed is taken back."""
    statuses = []
    load_all_checks()
    for case in cases:
        with transaction.atomic():
            answer = case.call(headers=headers)
            transaction.set_rollback(True)
        case.validate_response(answer, checks=CHECKS, headers=headers)
        statuses.append(answer.status_code)
    return statuses


def send_at_random(
    operation: Any, path: dict[str, Any], headers: dict[str, str], most: int
) -> None:
    """Sends what is drawn from the description, or from what contradicts it."""
    ways = [
        operation.as_strategy(mode, feedback=NO_FEEDBACK, path_parameters=parameters)
        for mode in GenerationMode
        for parameters in ([path, None] if path else [None])
        if mode == GenerationMode.POSITIVE or has_something(operation)
    ]

    ways += operation.get_strategies_from_examples(path_parameters=path)

    @hypothesis.settings(
        max_examples=most,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=hypothesis.strategies.one_of(ways))
    def send_one(case: Case) -> None:
        send([case], headers)

    send_one()


def has_something(operation: Any) -> bool:
    return bool([*operation.query, *operation.body, *operation.path_parameters])


@pytest.mark.parametrize("name", operations())
def test_every_answer_is_one_that_the_description_has(name: str, values: dict[str, Any]) -> None:
    operation = operations()[name]
    path = real_path(operation, values)
    for role, most in EXAMPLES.items():
        headers = sender(role, values, operation.definition.raw.get("x-scope", ""))
        if role == Role.ADMIN:
            send(at_limits(operation, path), headers)
        send_at_random(operation, path, headers, most)
