"""A project with preferences, and a client that speaks to the server in memory."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from mcp import Client

from labeling.models import Project, Scope, User
from labeling.people.signing_in.tokens import make_token
from modeling.mcp.server import make_server
from tests.factories import claim_and_judge, make_comparisons, make_member, make_project

Call = Callable[..., dict[str, Any]]


class Refused(Exception):
    """The tool's answer is an error; the message is what the model reads."""


def session(key: str, may_write: bool = True) -> Call:
    """Calls a tool over the protocol and gives its answer."""

    async def ask(name: str, arguments: dict[str, Any]) -> Any:
        async with Client(make_server(key, may_write=may_write)) as client:
            return await client.call_tool(name, arguments)

    def call(name: str, **arguments: Any) -> dict[str, Any]:
        result = asyncio.run(ask(name, arguments))
        text = result.content[0].text
        if result.is_error:
            raise Refused(text)
        assert json.loads(text) == result.structured_content
        return result.structured_content

    return call


@pytest.fixture
def project(transactional_db: None) -> Project:
    project = make_project(gold_share=0.0)
    make_comparisons(project, 4)
    labeler = make_member(project, name="noor")
    for _ in range(3):
        claim_and_judge(labeler, project)
    return project


@pytest.fixture
def curator(project: Project) -> User:
    return make_member(project, "curator")


@pytest.fixture
def key(curator: User) -> str:
    return make_token(curator, "model", [Scope.READ, Scope.WRITE])[1]


@pytest.fixture
def call(key: str) -> Call:
    return session(key)
