"""Sampling from a server: patient with its troubles, clear about those it cannot help."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from modeling.core import sample
from modeling.core.generating.servers import chat_client, remote_policy
from modeling.core.generating.servers.chat_server import ChatServer, parse_server
from modeling.core.program.errors import ProgramCancelled, ProgramError
from modeling.core.program.run_dir import EXIT_CANCELLED
from modeling.core.program.seeds import derive_seed
from tests.modeling.core.chat_server_double import ChatServerDouble, Reply, completion, serve
from tests.modeling.core.factories import error_of, lines, make_run, messages, read, run

PROMPTS = [{"id": f"q{n}", "prompt": messages(f"question {n}")} for n in range(4)]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_client, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(remote_policy, "SECONDS_BETWEEN_LOOKS", 0.02)


def remote_run(
    folder: Path, server: ChatServerDouble | str, extra: str = "", **config: Any
) -> Path:
    url = server if isinstance(server, str) else server.url
    config = {"policy": f"{url}?model=small{extra}", "n": 3, "max_new_tokens": 16} | config
    return make_run(folder, PROMPTS, "prompts.jsonl", **config)


def samples(folder: Path) -> dict[tuple[str, int], str]:
    return {(row["id"], row["sample"]): row["text"] for row in lines(folder / "samples.jsonl")}


def test_each_sample_is_asked_for_with_its_own_seed(tmp_path: Path) -> None:
    with serve(lambda body, _: completion(body)) as server:
        folder = remote_run(tmp_path / "run", server, temperature=0.7, top_p=0.9, seed=5)
        assert run(sample, folder) == 0
    rows = lines(folder / "samples.jsonl")
    assert [(row["id"], row["sample"]) for row in rows] == [
        (f"q{n}", k) for n in range(4) for k in range(3)
    ]
    for row in rows:
        assert row["seed"] == derive_seed(5, row["id"], row["sample"])
        assert row["text"] == f"seed {row['seed'] % 2**31}: question {row['id'][1:]} 0"
        assert (row["finished"], row["tokens"]) == (True, 7)
    assert len({asked.body["seed"] for asked in server.asked}) == len(rows)
    expected = {"model": "small", "temperature": 0.7, "top_p": 0.9, "max_tokens": 16}
    assert server.asked[0].body.items() >= expected.items()
    result = read(folder / "result.json")
    assert (result["count"], result["missing"], result["tokens"]) == (12, 0, 84)


def test_a_cut_response_is_not_finished(tmp_path: Path) -> None:
    with serve(lambda body, _: completion(body, finish_reason="length")) as server:
        folder = remote_run(tmp_path / "run", server)
        assert run(sample, folder) == 0
    assert read(folder / "result.json")["finished_share"] == 0.0


@pytest.mark.parametrize(
    "trouble",
    [
        Reply(500, {"error": {"message": "out of memory"}}),
        Reply(503, b"<html>starting</html>"),
        Reply(429, {"error": "slow down"}),
        Reply(200, b"half an ans"),
        Reply(200, {"object": "nothing"}),
        Reply(200, {}, seconds=3.0),
    ],
    ids=["500", "503", "429", "not JSON", "no choices", "no answer in time"],
)
def test_what_may_pass_is_tried_again_and_said_once(
    tmp_path: Path, trouble: Reply, capfd: pytest.CaptureFixture[str]
) -> None:
    with serve(lambda body, number: trouble if number % 3 == 0 else completion(body)) as server:
        seconds = 1.5 if trouble.seconds else 60  # a busy machine is no trouble of the server's
        folder = remote_run(tmp_path / "run", server, f"&timeout_seconds={seconds}&attempts=20")
        assert run(sample, folder) == 0
    assert len(samples(folder)) == 12
    assert len(server.asked) > 12
    assert read(folder / "result.json")["warnings"] == []
    assert capfd.readouterr().err.count("trying again") == 1


def test_retry_after_is_waited_for_by_all(tmp_path: Path) -> None:
    def answer(body: Any, number: int) -> Reply:
        return Reply(429, {}, {"Retry-After": "1"}) if number == 0 else completion(body)

    with serve(answer) as server:
        assert run(sample, remote_run(tmp_path / "run", server, "&concurrency=1")) == 0
    assert server.asked[1].at - server.asked[0].at > 0.9


def test_a_wait_of_hours_is_no_wait_but_an_error(tmp_path: Path) -> None:
    with serve(lambda *_: Reply(429, {}, {"Retry-After": "7200"})) as server:
        error = error_of(sample, remote_run(tmp_path / "run", server))
    assert "asks to wait 120 minutes" in error


def test_a_server_that_keeps_failing_ends_the_run_and_a_retry_goes_on(tmp_path: Path) -> None:
    broken = True

    def answer(body: Any, number: int) -> Reply:
        return Reply(500, {"error": "boom"}) if broken and number >= 5 else completion(body)

    with serve(answer) as server:
        folder = remote_run(tmp_path / "run", server, "&attempts=3&concurrency=1")
        error = error_of(sample, folder)
        assert f"small at {server.url} gave no answer in 3 attempts: HTTP 500 boom" in error
        before = samples(folder)
        assert len(before) == 5
        broken, asked = False, len(server.asked)
        assert run(sample, folder) == 0
        assert len(server.asked) - asked == 7, "only what was missing"
    assert samples(folder).items() >= before.items()
    assert len(samples(folder)) == 12


def test_no_server_is_said_with_its_address(tmp_path: Path) -> None:
    with serve(lambda body, _: completion(body)) as server:
        url = server.url
    error = error_of(sample, remote_run(tmp_path / "run", url, "&attempts=2"))
    assert f"small at {url} gave no answer in 2 attempts: ConnectError" in error
    assert "Is the server running" in error


def test_samples_that_are_left_out_are_asked_for_again(tmp_path: Path) -> None:
    """Three in one request, of which two come at a time."""
    with serve(lambda body, _: completion(body, min(2, body.get("n", 1)))) as server:
        folder = remote_run(tmp_path / "run", server, "&samples_per_request=3")
        assert run(sample, folder) == 0
    assert sorted(asked.body.get("n", 1) for asked in server.asked) == [1] * 4 + [3] * 4
    assert len(set(samples(folder).values())) == 12
    assert read(folder / "result.json")["missing"] == 0


def test_samples_that_never_come_are_counted(tmp_path: Path) -> None:
    def answer(body: Any, _: int) -> Reply:
        none: dict[str, Any] = {"message": {"content": None}}
        return completion(body, **(none if body["messages"][0]["content"] == "question 1" else {}))

    with serve(answer) as server:
        folder = remote_run(tmp_path / "run", server)
        assert run(sample, folder) == 0
    result = read(folder / "result.json")
    assert (result["count"], result["missing"]) == (9, 3)
    assert result["warnings"] == [f"small at {server.url} left 3 samples out, asked 4 times."]


def test_a_refused_prompt_is_told_and_the_others_are_sampled(tmp_path: Path) -> None:
    def answer(body: Any, _: int) -> Reply:
        if body["messages"][0]["content"] == "question 2":
            return Reply(400, {"error": {"message": "longer than the context"}})
        return completion(body)

    with serve(answer) as server:
        folder = remote_run(tmp_path / "run", server, "&concurrency=1")
        assert run(sample, folder) == 0
    result = read(folder / "result.json")
    assert (result["count"], result["missing"]) == (9, 3)
    assert "refused 3 requests: HTTP 400 longer than the context" in result["warnings"][0]


def test_a_server_that_refuses_everything_ends_the_run(tmp_path: Path) -> None:
    with serve(lambda *_: Reply(422, {"detail": "max_tokens is too large"})) as server:
        error = error_of(sample, remote_run(tmp_path / "run", server, "&concurrency=2"))
    assert "refuses every prompt: HTTP 422 max_tokens is too large" in error
    assert len(server.asked) < 12


def test_the_key_comes_from_the_environment_and_stays_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    key = "sk-very-secret"
    monkeypatch.setenv("POLICY_API_KEY_X", key)
    refusal = Reply(401, {"error": {"message": f"Incorrect API key provided: {key}"}})
    with serve(lambda body, number: completion(body) if number < 2 else refusal) as server:
        monkeypatch.setenv("POLICY_API_KEY_X_HOSTS", server.url.removesuffix("/v1"))
        folder = remote_run(tmp_path / "run", server, "&api_key_env=POLICY_API_KEY_X&concurrency=1")
        error = error_of(sample, folder)
    assert {asked.key for asked in server.asked} == {f"Bearer {key}"}
    assert (
        "refuses the key in POLICY_API_KEY_X: HTTP 401 Incorrect API key provided: [key]" in error
    )
    for path in folder.iterdir():
        assert key not in path.read_text()
    assert key not in "".join(capfd.readouterr())


def test_a_key_that_is_not_set_is_named_before_anything_is_asked(tmp_path: Path) -> None:
    with serve(lambda body, _: completion(body)) as server:
        error = error_of(
            sample, remote_run(tmp_path / "run", server, "&api_key_env=POLICY_API_KEY_UNSET")
        )
    assert "variable POLICY_API_KEY_UNSET with the key for" in error
    assert server.asked == []


def test_an_unknown_model_is_named_beside_those_on_offer(tmp_path: Path) -> None:
    with serve(lambda *_: Reply(404, {"error": {"message": "no such model"}})) as server:
        error = error_of(sample, remote_run(tmp_path / "run", server))
    assert "no chat completions of the model 'small': HTTP 404 no such model" in error
    assert "The server offers: small, large." in error


def test_as_many_requests_at_once_as_allowed_and_no_more(tmp_path: Path) -> None:
    def slowly(body: Any, _: int) -> Reply:
        reply = completion(body)
        reply.seconds = 0.05
        return reply

    with serve(slowly) as server:
        assert run(sample, remote_run(tmp_path / "run", server, "&concurrency=3")) == 0
    assert server.most_at_once == 3


def test_the_rate_limit_holds(tmp_path: Path) -> None:
    """1,200 a minute: 50 ms between two starts; the clocks of both sides are not the same."""
    with serve(lambda body, _: completion(body)) as server:
        assert run(sample, remote_run(tmp_path / "r", server, "&requests_per_minute=1200")) == 0
    starts = sorted(asked.at for asked in server.asked)
    assert starts[-1] - starts[0] > 0.9 * 11 * 0.05


def test_a_cancelled_run_ends_at_once_and_keeps_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a request hangs."""

    def answer(body: Any, number: int) -> Reply:
        reply = completion(body)
        reply.seconds = 2.0 if number >= 4 else 0.0
        return reply

    with serve(answer) as server:
        folder = remote_run(tmp_path / "run", server, "&concurrency=2")

        def cancel(_run: Any) -> None:
            if len(server.asked) >= 6:
                raise ProgramCancelled

        started = time.monotonic()
        with monkeypatch.context() as patch:
            patch.setattr(sample.RunDir, "check_cancelled", cancel)
            assert run(sample, folder) == EXIT_CANCELLED
        assert time.monotonic() - started < 1.5
        assert len(samples(folder)) == 4


def test_two_policies_are_sampled_into_one_file(tmp_path: Path, tiny_model: Path) -> None:
    """One of them here, one on a server; the same prompt gets responses of both."""
    with serve(lambda body, _: completion(body)) as server:
        policies = {"3": str(tiny_model), "4": f"{server.url}?model=small"}
        folder = make_run(
            tmp_path / "r", PROMPTS, "prompts.jsonl", policies=policies, n=2, max_new_tokens=8
        )
        assert run(sample, folder) == 0
    rows = lines(folder / "samples.jsonl")
    keys = [(row["policy"], row["id"], row["sample"]) for row in rows]
    assert keys == [(p, f"q{n}", k) for p in "34" for n in range(4) for k in range(2)]
    assert len({row["seed"] for row in rows}) == 16, "almost equal policies must not agree"
    result = read(folder / "result.json")
    assert result["policies"]["3"]["count"] == result["policies"]["4"]["count"] == 8


def test_a_server_needs_no_torch_here() -> None:
    """Starting a program that loads torch and transformers costs seconds."""
    code = (
        "import sys, modeling.core.sample, modeling.core.generating.servers.remote_policy;"
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == "[]"


def test_an_address_says_everything_and_comes_back_the_same() -> None:
    address = (
        "https://host:8000/v1?model=org/name&api_key_env=POLICY_API_KEY&concurrency=4"
        "&requests_per_minute=90.0&samples_per_request=2&timeout_seconds=30.0&attempts=2"
    )
    server = parse_server(address)
    assert server == ChatServer(
        "https://host:8000/v1", "org/name", "POLICY_API_KEY", 4, 90, 2, 30, 2
    )
    assert server.address == address
    assert parse_server("HTTP://h/v1/chat/completions?model=m").base_url == "http://h/v1"
    assert parse_server("http://h/v1/?model=m").address == "http://h/v1?model=m"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://h/v1", "does not name a model"),
        ("http://?model=m", "is no http or https URL"),
        ("ftp://h/v1?model=m", "is no http or https URL"),
        ("http://me:secret@h/v1?model=m", "holds a user name or password"),
        ("http://h/v1?model=m&api_key=sk-secret", "unknown parameter 'api_key'"),
        ("http://h/v1?model=m&api_key_env=sk-secret", "other than POLICY_API_KEY"),
        ("http://h/v1?model=m&api_key_env=DATABASE_URL", "other than POLICY_API_KEY"),
        ("http://h/v1?model=m&concurrency=0", "concurrency that makes no sense: '0'"),
        ("http://h/v1?model=m&concurrency=1.5", "concurrency that makes no sense"),
        ("http://h/v1?model=m&concurrency=inf", "concurrency that makes no sense: 'inf'"),
        ("http://h/v1?model=m&attempts=1e999", "attempts that makes no sense: '1e999'"),
        ("http://h/v1?model=m&timeout_seconds=nan", "timeout_seconds that makes no sense"),
    ],
)
def test_a_wrong_address_is_put_in_words_without_what_may_be_secret(
    address: str, words: str
) -> None:
    with pytest.raises(ProgramError) as caught:
        parse_server(address)
    sentences = json.dumps([caught.value.message, caught.value.hint])
    assert words in sentences
    assert "secret" not in sentences
