"""The Python client: against a live server, and against servers that break off or are busy."""

import json
import traceback
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

import httpx
import pytest
from pytest_django.live_server_helper import LiveServer

import preferable
from labeling.models import Judgment, Project, Prompt, Role, Scope
from labeling.people.signing_in.tokens import make_token
from modeling.reward_models import serving
from preferable import Preferable
from tests.factories import (
    claim_and_judge,
    judge_for,
    make_comparisons,
    make_member,
    make_project,
)
from tests.modeling.page_helpers import make_reward_model

TOKEN = "pref_of-a-test"


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that the client takes, without taking them."""
    taken: list[float] = []
    monkeypatch.setattr(preferable, "sleep", taken.append)
    return taken


@pytest.fixture
def project(live_server: LiveServer) -> Iterator[preferable.Project]:
    """The project “demo” of a live server, by a token of its curator."""
    made = make_project(slug="demo", gold_share=0)
    _, key = make_token(make_member(made, Role.CURATOR), "A program", tuple(Scope))
    with Preferable(live_server.url, key) as client:
        yield client.project("demo")


def model_of(project: preferable.Project) -> Any:
    return Project.objects.get(slug=project.slug)


def held_of(project: preferable.Project) -> preferable.HandOut:
    hand_out = project.next()
    assert isinstance(hand_out, preferable.HandOut)
    return hand_out


def with_answers(*answers: Any) -> tuple[preferable.Project, list[httpx.Request]]:
    """A project on a server that gives these answers, or has these faults, one after the other."""
    asked: list[httpx.Request] = []
    waiting = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        one = waiting.pop(0)
        if isinstance(one, Exception):
            raise one
        return one

    client = Preferable("http://server", TOKEN, transport=httpx.MockTransport(answer))
    return client.project("demo"), asked


class CutOff(httpx.SyncByteStream):
    """A body that breaks off after these bytes."""

    def __init__(self, sent: bytes) -> None:
        self.sent = sent

    def __iter__(self) -> Iterator[bytes]:
        yield self.sent
        raise httpx.RemoteProtocolError("cut")


def jsonl(*ids: int) -> bytes:
    return b"".join(json.dumps({"id": pk}).encode() + b"\n" for pk in ids)


def after_of(request: httpx.Request) -> str:
    return request.url.params["after"]


# Against a live server


def test_imports_then_labels_then_reads_what_was_settled(project: preferable.Project) -> None:
    report = project.import_rows([{"prompt": "Why?", "responses": ["One.", "Two."]}], pairs=1)
    assert report["comparisons_new"] == 1
    hand_out = held_of(project)
    assert [placed["id"] for placed in hand_out.responses] == ["A", "B"]
    assert hand_out.answer("left", seconds=20)["tiers"] == [["A"], ["B"]]
    (row,) = project.preferences()
    assert row["chosen"][0]["content"] == hand_out.responses[0]["message"]["content"]
    assert [judgment["seconds"] for judgment in project.judgments()] == [20]
    nothing = project.next()
    assert not nothing
    assert nothing == preferable.Nothing(
        "all_done", "Everything is judged, and no new comparisons are on their way."
    )


def test_an_answer_is_taken_back_and_a_comparison_skipped(project: preferable.Project) -> None:
    make_comparisons(model_of(project), 2)
    hand_out = held_of(project)
    hand_out.answer("left")
    again = hand_out.undo()
    assert (again.id, again.responses) == (hand_out.id, hand_out.responses)
    assert again.skip(rationale="Not mine.")["kind"] == "skip"
    held_of(project).answer("right")
    with pytest.raises(preferable.Conflict, match="is not the one to this"):
        hand_out.undo()


def test_asked_people_answer_later(project: preferable.Project) -> None:
    ask = project.compare("Why\u2028?", ["One.", "Two."])
    assert ask.result() is None
    judge_for(make_member(model_of(project)), model_of(project), "Two.")
    preference = ask.result()
    assert preference is not None
    assert preference["chosen"][0]["content"] == "Two."
    assert ask.wait(timeout=0) == preference


def test_what_was_asked_and_answered_before_is_found(project: preferable.Project) -> None:
    project.compare("Why?", ["One.", "Two."])
    judge_for(make_member(model_of(project)), model_of(project), "One.")
    again = project.compare("Why?", ["Two.", {"text": "One.", "model": "small"}])
    assert again.since is None
    assert again.wait(timeout=0)["rejected"][0]["content"] == "Two."


def test_a_copy_is_kept_up_to_date_by_its_cursor(project: preferable.Project) -> None:
    labeler = make_member(model_of(project))
    make_comparisons(model_of(project), 3)
    claim_and_judge(labeler, model_of(project))
    rows = project.preferences(cursor="")
    first = [row["id"] for row in rows]
    claim_and_judge(labeler, model_of(project))
    following = project.preferences(cursor=rows.cursor)
    second = [row["id"] for row in following]
    assert len(first) == len(second) == 1 and first != second
    assert list(project.preferences(cursor=following.cursor)) == []


def test_scores_come_in_the_order_of_the_texts(
    project: preferable.Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_reward_model(model_of(project), status="live")

    def score(model: Any, texts: Any, *, way: Any) -> Any:
        members = [[float(len(one.response))] for one in texts]
        return serving.combined(texts, members, way, 1.0)

    monkeypatch.setattr(serving, "score", score)
    scores = project.scores([("Q", "four"), ("Q", "a")])
    assert [score["mean"] for score in scores] == [4.0, 1.0]
    assert [model["status"] for model in project.reward_models()] == ["live"]


def test_the_projects_are_listed(project: preferable.Project) -> None:
    assert [row["slug"] for row in project.client.projects()] == ["demo"]


def test_the_servers_own_words_are_raised(project: preferable.Project) -> None:
    with pytest.raises(preferable.NotFound, match="There is no such project"):
        project.client.project("no-such").details()
    with pytest.raises(preferable.Invalid) as refused:
        project.import_rows([{"prompt": "Why?"}, {"prompt": 5}])
    assert [(error["line"], error["field"]) for error in refused.value.errors] == [(2, "prompt")]
    assert Prompt.objects.count() == Judgment.objects.count() == 0
    with pytest.raises(preferable.Invalid, match="splitt: There is no such parameter"):
        list(project.preferences(splitt="train"))
    refusal = pytest.raises(preferable.NotAllowed, match=r"^Invalid token\.$")
    with Preferable(project.client.url, "nonsense") as stranger, refusal:
        stranger.projects()


# Against servers that break off, or are busy


def test_a_stream_that_breaks_off_goes_on_without_doubles(pauses: list[float]) -> None:
    project, asked = with_answers(
        httpx.Response(200, stream=CutOff(jsonl(1, 2) + b'{"id": 3')),
        httpx.ConnectError("no"),
        httpx.Response(200, content=jsonl(3) + b'{"id'),
        httpx.Response(200, content=jsonl(4)),
        httpx.Response(200, content=b""),
    )
    assert [row["id"] for row in project.preferences()] == [1, 2, 3, 4]
    assert [after_of(request) for request in asked] == ["0", "2", "2", "3", "4"]
    assert len(pauses) == 3


def test_a_server_that_breaks_off_between_two_rows_is_asked_for_the_rest() -> None:
    project, _ = with_answers(
        httpx.Response(200, content=jsonl(1)),
        httpx.Response(200, content=jsonl(2)),
        httpx.Response(200, content=b""),
    )
    assert [row["id"] for row in project.judgments()] == [1, 2]


def test_a_stream_that_brings_nothing_again_and_again_is_given_up(pauses: list[float]) -> None:
    project, asked = with_answers(*[httpx.ReadTimeout("slow")] * 5)
    with pytest.raises(preferable.Unreachable, match="http://server did not answer: ReadTimeout"):
        list(project.preferences())
    assert (len(asked), len(pauses)) == (5, 4)


@pytest.mark.parametrize("name", ["limit", "format"])
def test_how_rows_arrive_is_the_clients_own_business(name: str) -> None:
    project, _ = with_answers()
    with pytest.raises(ValueError, match=rf"^{name}: stop reading instead"):
        project.preferences(**{name: "5"})


def test_a_projects_name_leads_to_no_other_address() -> None:
    project, asked = with_answers(httpx.Response(200, json={}))
    project.client.project("../hand-outs").details()
    assert asked[0].url.raw_path == b"/api/v1/projects/..%2Fhand-outs/"


def test_rows_that_are_not_read_are_not_asked_for() -> None:
    project, asked = with_answers(httpx.Response(200, content=jsonl(1, 2, 3)))
    assert [row["id"] for row in islice(project.preferences(), 2)] == [1, 2]
    assert len(asked) == 1


def test_a_page_of_changes_that_breaks_off_comes_once(pauses: list[float]) -> None:
    page = {"results": [{"id": 1}], "cursor": "c1", "next": "http://server/next"}
    last = {"results": [{"id": 2}], "cursor": "c2", "next": None}
    project, asked = with_answers(
        httpx.Response(200, stream=CutOff(b'{"results": [{"id": 1}')),
        httpx.Response(200, json=page),
        httpx.Response(503),
        httpx.Response(200, json=last),
    )
    rows = project.preferences(cursor="")
    assert [row["id"] for row in rows] == [1, 2]
    assert rows.cursor == "c2"
    assert [request.url.params["cursor"] for request in asked] == ["", "", "c1", "c1"]


def test_a_cursor_stays_behind_a_page_that_was_not_read_to_its_end() -> None:
    page = {"results": [{"id": 1}, {"id": 2}], "cursor": "c1", "next": None}
    project, _ = with_answers(httpx.Response(200, json=page))
    rows = project.preferences(cursor="c0")
    assert next(iter(rows)) == {"id": 1}
    assert rows.cursor == "c0"


def test_a_busy_server_is_asked_again_when_it_says(pauses: list[float]) -> None:
    project, _ = with_answers(
        httpx.Response(429, headers={"Retry-After": "7"}),
        httpx.Response(503, headers={"Retry-After": "900"}),
        httpx.Response(503),
        httpx.Response(200, json={"slug": "demo"}),
    )
    assert project.details() == {"slug": "demo"}
    assert pauses[:2] == [7.0, preferable.LONGEST_PAUSE_SECONDS]
    assert 1.0 <= pauses[2] <= 3.0


@pytest.mark.parametrize("status", [400, 403, 404, 409, 500, 502])
def test_what_is_refused_is_not_asked_again(status: int) -> None:
    project, asked = with_answers(httpx.Response(status, text="<html>"))
    with pytest.raises(preferable.Refused, match=f"The server answered {status}") as refused:
        project.details()
    assert (refused.value.status, len(asked)) == (status, 1)


def test_an_answer_to_a_comparison_is_sent_again(pauses: list[float]) -> None:
    project, asked = with_answers(
        httpx.ReadError("cut"), httpx.Response(200, json={"kind": "prefer"})
    )
    assert hand_out_of(project).answer("left") == {"kind": "prefer"}
    assert [json.loads(request.content) for request in asked] == [{"choice": "left"}] * 2


def hand_out_of(project: preferable.Project) -> preferable.HandOut:
    moment = datetime.fromisoformat("2026-01-01T00:00Z")
    return preferable.HandOut(project.client, "x", moment, [], {}, [], {}, 1)


@pytest.mark.parametrize("fault", [httpx.ReadError("cut"), httpx.Response(503)])
@pytest.mark.parametrize(
    "send",
    [
        lambda project: project.import_rows([{"prompt": "Why?"}]),
        lambda project: hand_out_of(project).undo(),
    ],
    ids=["import", "undo"],
)
def test_what_may_not_happen_twice_is_sent_once(fault: Any, send: Callable[[Any], Any]) -> None:
    project, asked = with_answers(fault)
    with pytest.raises(preferable.PreferableError):
        send(project)
    assert len(asked) == 1


def test_waiting_for_people_ends(pauses: list[float]) -> None:
    project, _ = with_answers(httpx.Response(200, content=b""))
    ask = preferable.Ask(project, [], frozenset())
    with pytest.raises(preferable.NotYet, match="Nothing was settled within 0 seconds"):
        ask.wait(timeout=0)


def test_the_token_is_in_no_name_and_in_no_error(pauses: list[float]) -> None:
    project, asked = with_answers(httpx.ReadError("cut"), *[httpx.Response(401)])
    assert TOKEN not in repr(project) + repr(project.client) + repr(project.preferences())
    with pytest.raises(preferable.NotAllowed) as refused:
        project.details()
    assert TOKEN not in "".join(traceback.format_exception(refused.value)) + repr(refused.value)
    assert asked[0].headers["Authorization"] == f"Token {TOKEN}"
    for broken in (f"{TOKEN}\n", f"{TOKEN} x", f"{TOKEN}é", ""):
        with pytest.raises(ValueError, match=r"^token: ") as problem:
            Preferable("http://server", broken)
        assert TOKEN not in str(problem.value)


def test_the_token_follows_no_redirect() -> None:
    project, asked = with_answers(httpx.Response(301, headers={"Location": "https://other/"}))
    with pytest.raises(preferable.Refused, match="The server sends on to https://other/: use"):
        project.details()
    assert len(asked) == 1


@pytest.mark.parametrize("url", ["server", "ftp://server", "https://", "https://a:b@server"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"^url: give http"):
        Preferable(url, TOKEN)


def test_a_moment_without_a_zone_is_refused() -> None:
    project, _ = with_answers()
    with pytest.raises(ValueError, match=r"^since: name a time zone"):
        project.preferences(since=datetime(2026, 1, 1))


@pytest.mark.parametrize("responses", [["One."], ["One.", "Two.", "Three."], ["Same.", "Same."]])
def test_two_different_responses_are_compared(responses: list[str]) -> None:
    project, _ = with_answers()
    with pytest.raises(ValueError, match=r"^responses: "):
        project.compare("Why?", responses)


def test_any_list_is_read_page_by_page(
    project: preferable.Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preferable, "PAGE", 2)
    make_comparisons(model_of(project), 5)
    rows = list(project.rows("comparisons/", state="open"))
    assert len({row["id"] for row in rows}) == len(rows) == 5


def test_what_is_posted_is_done_once_though_its_answer_is_lost(
    project: preferable.Project, pauses: list[float]
) -> None:
    send = project.client._http.send
    lost: list[httpx.Response] = []

    def lose_the_first(request: httpx.Request, **options: Any) -> httpx.Response:
        answer = send(request, **options)
        if not lost:
            lost.append(answer)
            raise httpx.ReadError("gone")
        return answer

    project.client._http.send = lose_the_first  # type: ignore[method-assign]
    row = {"prompt": "Why?", "responses": ["A.", "B."]}
    answer = project.post("comparisons/", {"rows": [row]})
    assert (answer["new"], len(pauses)) == (1, 1)


def test_another_body_under_the_same_key_is_refused(project: preferable.Project) -> None:
    project.post("prompts/", {"rows": [{"prompt": "Why?"}]}, key="k")
    with pytest.raises(preferable.Invalid, match="another request"):
        project.post("prompts/", {"rows": [{"prompt": "How?"}]}, key="k")
