"""Policies: the versions, registering one, and which of them writes the responses."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.conventions.errors import Contradicted, problems
from labeling.api.conventions.once import once
from labeling.api.conventions.pages import ListOfRows, PageParameters, answer_page, page_of
from labeling.api.conventions.parameters import Body
from labeling.api.conventions.requests import project_of, user_of
from labeling.models import Project, Role
from labeling.projects.model_locations import NotUsable
from modeling.api.bodies import ReasonSerializer, refusing, seen_version
from modeling.api.policy_rows import (
    BESIDE_POLICY,
    PolicyDetailSerializer,
    PolicySerializer,
    policy_detail,
    policy_rows,
)
from modeling.models import Policy, deciding
from modeling.policies import promotion, registry

BY_HAND = "by hand"  # the reason where none was given, as on the page
LONGEST: dict[str, int] = {
    name: getattr(Policy._meta.get_field(name), "max_length", 0)
    for name in ("name", "location", "notes")
}


class PolicyListParameters(PageParameters):
    status = serializers.ChoiceField(choices=Policy.Status.choices, required=False)


class RegisterSerializer(Body):
    location = serializers.CharField(
        max_length=LONGEST["location"],
        help_text="A model of one of this project's runs (runs/12/model), a folder below those "
        "that the operator lists, a Hugging Face id, or an OpenAI-compatible server: "
        "http://host:8000/v1?model=NAME&api_key_env=VARIABLE. The key itself does not belong here.",
    )
    name = serializers.CharField(
        max_length=LONGEST["name"],
        required=False,
        allow_blank=True,
        help_text="What people call it; else the last part of the location.",
    )
    notes = serializers.CharField(max_length=LONGEST["notes"], required=False, allow_blank=True)
    then = serializers.ChoiceField(
        choices=["current", "compare", "nothing"],
        default="current",
        help_text="`current`: it writes the responses from the next sampling on. `compare`: people "
        "compare it blind with the current one, and the better one stays. `nothing`: only keep it.",
    )


class PolicyPromoteSerializer(ReasonSerializer):
    instead_of = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        help_text="The version that you saw in service (null: none). If another one is there by "
        "now, nothing is changed: 409. Left out: whichever is there.",
    )


class PoliciesView(APIView):
    @extend_schema(
        summary="Policies, newest first",
        description="For curators and admins.",
        parameters=[PolicyListParameters],
        responses=page_of("Policy", PolicySerializer),
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug)
        given = PolicyListParameters.of(request)
        policies = policies_of(project)
        if "status" in given:
            policies = policies.filter(status=given["status"])
        current = deciding.in_service(project)[0]
        listed = ListOfRows("policies", project, given)
        return answer_page(request, listed, policies, lambda page: policy_rows(page, current))

    @extend_schema(
        summary="Register a policy",
        description="For admins. A new version of the model that writes the responses. What cannot "
        "be used is refused: a folder that is not allowed or holds no language model, an address "
        "that nobody may connect to.",
        request=RegisterSerializer,
        examples=[
            OpenApiExample(
                "From the hub, to be compared",
                value={"location": "org/small-0.5b", "name": "small", "then": "compare"},
                request_only=True,
            ),
        ],
        responses={201: PolicyDetailSerializer},
    )
    @once()
    def post(self, request: Request, slug: str) -> Response:
        project = project_of(request, slug, Role.ADMIN)
        given = RegisterSerializer.of(request)
        try:
            policy = registry.register_policy(
                project,
                given.get("name", ""),
                given["location"],
                user_of(request),
                make_current=given["then"] == "current",
                notes=given.get("notes", ""),
                compare=given["then"] == "compare",
            )
        except NotUsable as problem:
            raise ValidationError({"location": str(problem)}) from problem
        return Response(_detail(project, policy.version), status=201)


class PolicyView(APIView):
    @extend_schema(
        summary="A policy with its figures and what the guard says of it",
        description="For curators and admins.",
        responses=PolicyDetailSerializer,
    )
    def get(self, request: Request, slug: str, version: int) -> Response:
        return Response(_detail(project_of(request, slug), version))


class PolicyPromoteView(APIView):
    @extend_schema(
        summary="Put a policy in service, or an earlier one back",
        description="For admins. Whatever its standing; a round that compares it ends with that. "
        "Sending it again changes nothing. 409: it cannot write, or another one than `instead_of` "
        "is in service.",
        request=PolicyPromoteSerializer,
        responses={200: PolicyDetailSerializer, **problems(409)},
    )
    @once()
    def post(self, request: Request, slug: str, version: int) -> Response:
        project = project_of(request, slug, Role.ADMIN)
        given = PolicyPromoteSerializer.of(request)
        policy = find_policy(project, version)
        seen = seen_version(given, Policy.objects.filter(project=project))
        with refusing(NotUsable, deciding.Outrun):
            promotion.promote_policy(
                policy, user_of(request), given.get("reason") or BY_HAND, instead_of=seen
            )
        return Response(_detail(project, version))


class PolicyRejectView(APIView):
    @extend_schema(
        summary="Reject a policy",
        description="For admins. A round that compares it ends with that. It can be promoted all "
        "the same. 409: it is in service, or rejected already.",
        request=ReasonSerializer,
        responses={200: PolicyDetailSerializer, **problems(409)},
    )
    @once()
    def post(self, request: Request, slug: str, version: int) -> Response:
        project = project_of(request, slug, Role.ADMIN)
        reason = ReasonSerializer.of(request).get("reason") or BY_HAND
        policy = find_policy(project, version)
        if not promotion.reject_policy(policy, user_of(request), reason):
            raise Contradicted(
                f"{policy} is in service, or rejected already. To take it out of service put "
                "another one there."
            )
        return Response(_detail(project, version))


class PolicyCompareView(APIView):
    @extend_schema(
        summary="Have people compare a policy blind with the current one",
        description="For admins. As soon as the loop is free. 409: it is in service, or waits for "
        "its comparison already.",
        request=None,
        responses={200: PolicyDetailSerializer, **problems(409)},
    )
    @once()
    def post(self, request: Request, slug: str, version: int) -> Response:
        project = project_of(request, slug, Role.ADMIN)
        policy = find_policy(project, version)
        if not promotion.compare_again(policy, user_of(request)):
            raise Contradicted(f"{policy} is in service, or waits for its comparison already.")
        return Response(_detail(project, version))


def policies_of(project: Project) -> Any:
    return Policy.objects.filter(project=project).select_related(*BESIDE_POLICY)


def find_policy(project: Project, version: int) -> Policy:
    policy: Policy | None = policies_of(project).filter(version=version).first()
    if policy is None:
        raise NotFound(f"There is no policy v{version}.")
    return policy


def _detail(project: Project, version: int) -> dict[str, Any]:
    return policy_detail(find_policy(project, version), deciding.in_service(project)[0])
