"""A policy on an OpenAI-compatible server: registered by its address, sampled by our program."""

import pytest

from labeling.models import AuditEntry, Comparison, Response
from modeling.loop import rounds
from modeling.loop.situation import Situation
from modeling.models import Policy, Run
from modeling.policies import registry
from tests.factories import make_project, make_prompt
from tests.modeling.core.chat_server_double import Reply, completion, serve
from tests.modeling.loop_helpers import execute

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_responses_of_a_server_become_comparisons(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the address to the queue; the key is nowhere but in the request."""
    monkeypatch.setenv("POLICY_API_KEY", "sk-secret")
    project = make_project(sample_prompts=3, samples_per_prompt=2)
    for number in range(3):
        make_prompt(project, f"question {number}")
    with serve(lambda body, _: completion(body)) as server:
        monkeypatch.setenv("POLICY_API_KEY_HOSTS", server.url)
        address = f"{server.url}?model=org/chatty&api_key_env=POLICY_API_KEY"
        policy = registry.register_policy(project, "", address)
        (run,) = rounds.advance(project)
        run = execute(run, package="modeling.core")
    assert (run.state, run.error) == (Run.State.SUCCEEDED, "")
    assert policy.name == "chatty"
    assert {asked.key for asked in server.asked} == {"Bearer sk-secret"}
    responses = Response.objects.filter(prompt__project=project, policy_version=policy.version)
    assert responses.count() == 6
    assert Comparison.objects.filter(project=project).count() == 3
    told = [path.read_text() for path in run.folder.rglob("*") if path.is_file()]
    for table in (Run, Policy, AuditEntry):
        told.append(str(list(table.objects.values())))
    assert "sk-secret" not in "".join(told)


def test_a_server_in_trouble_fails_the_run_in_words_and_a_retry_goes_on() -> None:
    project = make_project(sample_prompts=3, samples_per_prompt=2)
    for number in range(3):
        make_prompt(project, f"question {number}")
    broken = True

    def answer(body: dict[str, object], number: int) -> Reply:
        return Reply(500, {"error": "no memory"}) if broken and number >= 2 else completion(body)

    with serve(answer) as server:
        address = f"{server.url}?model=chatty&concurrency=1&attempts=1"
        registry.register_policy(project, "", address)
        (run,) = rounds.advance(project)
        run = execute(run, package="modeling.core")
        assert run.state == Run.State.FAILED
        assert f"chatty at {server.url} gave no answer in 1 attempts: HTTP 500" in run.error
        broken = False
        Run.objects.filter(pk=run.pk).update(state=Run.State.QUEUED)
        assert execute(run, package="modeling.core").state == Run.State.SUCCEEDED
    assert len(server.asked) == 7, "six responses and one failure"


def test_a_server_lends_no_weights_to_a_reward_model() -> None:
    project = make_project()
    registry.register_policy(project, "far", "http://host:8000/v1?model=m")
    assert Situation(project).base_model == ""
    project.loop_settings.base_model = "org/small"
    assert Situation(project).base_model == "org/small"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://host/v1", "does not name a model"),
        ("http://host/v1?model=m&api_key=sk-secret", "unknown parameter 'api_key'"),
    ],
)
def test_a_wrong_address_is_refused_in_words(address: str, words: str) -> None:
    with pytest.raises(registry.NotUsable, match=words) as caught:
        registry.register_policy(make_project(), "p", address)
    assert "sk-secret" not in str(caught.value)
    assert not Policy.objects.exists()
