"""Which packages one answer passes through, from the page and back."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import pytest
from django.test import Client
from django.urls import reverse

import labeling
from labeling.queue.locking import Locked
from tests.factories import claim, make_comparisons, make_member, make_project

LABELING = Path(labeling.__file__).parent
# Who stands higher calls who stands lower. (people is also the middleware around every page.)
ORDER = ["pages", "quality", "judging", "queue", "preferences", "material", "texts"]


class Entered(NamedTuple):
    caller: str
    package: str
    function: str


def package_of(frame: FrameType) -> str:
    file = Path(frame.f_code.co_filename)
    package = file.relative_to(LABELING).parts[0] if file.is_relative_to(LABELING) else ""
    return package if package in ORDER else ""


def entered_during(call: Callable[[], object]) -> list[Entered]:
    """Each call from one of the packages into another, in order."""
    entered: list[Entered] = []

    def look(frame: FrameType, event: str, _: Any) -> None:
        package = package_of(frame) if event == "call" else ""
        above = frame.f_back
        while package and above is not None and not package_of(above):
            above = above.f_back
        if package and above is not None and package_of(above) != package:
            entered.append(Entered(package_of(above), package, frame.f_code.co_name))

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        call()
    finally:
        sys.setprofile(before)
    return entered


@pytest.mark.django_db
def test_an_answer_goes_down_through_the_packages_and_nobody_calls_back_up(client: Client) -> None:
    project = make_project(overlap=1, gold_share=0)
    make_comparisons(project, 3)
    labeler = make_member(project)
    client.force_login(labeler)
    held = claim(labeler, project)
    assert held is not None
    url = reverse("judge", args=[held.uuid])
    entered = entered_during(lambda: client.post(url, {"choice": "left"}, HTTP_HX_REQUEST="true"))
    assert [one for one in entered if ORDER.index(one.caller) > ORDER.index(one.package)] == []
    recording = [one.function for one in entered if one.function == "submit_and_claim"]
    assert recording == ["submit_and_claim"]
    # One call for each thing that happens; a property of what was read is no call.
    from_judging = [
        one.function
        for one in entered
        if one.caller == "judging" and not hasattr(Locked, one.function)
    ]
    assert from_judging == [
        "lock_assignment", "change_assignment", "settle", "must_qualify", "claim_next",
        "shown_responses", "show",
    ]  # fmt: skip
