"""What a run's programs find in their folders, and what is said where an input is missing."""

import json
from pathlib import Path
from typing import Any

import pytest

from labeling.models import Project, Prompt, Response, Snapshot
from labeling.models.material import Split
from modeling.core.program import seal
from modeling.models import Policy, Round, Run
from modeling.pipeline import improvement_outputs, inputs, outputs
from modeling.pipeline.improvement_inputs import FEWEST_PROMPTS
from modeling.pipeline.sample_tail import SampleTail
from modeling.runs.files import CannotPrepare, DamagedOutput
from tests.factories import make_project, make_prompt, make_response
from tests.modeling.loop_helpers import make_policy
from tests.modeling.page_helpers import make_reward_model, make_run

pytestmark = pytest.mark.django_db
Kind = Run.Kind
SAMPLE = {"temperature": 1.0, "top_p": 1.0, "max_new_tokens": 8, "n": 2, "seed": 1}


@pytest.mark.parametrize(
    ("kind", "config", "stages"),
    [
        (Kind.TRAIN_REWARD, {}, ("train_reward",)),
        (Kind.TRAIN_REWARD, {"incumbent": 3}, ("train_reward", "score")),
        (Kind.SCORE, {"reward_model": 3}, ("score",)),
        (Kind.SCORE, {"reward_model": 3, "shadow": 2}, ("score", "shadow")),
        (Kind.TRAIN_POLICY, {"reward_model": 3}, ("train_policy",)),
        (Kind.SAMPLE, {}, ("sample",)),
        (Kind.SAMPLE, {"shadow": 2}, ("sample",)),
        (Kind.SAMPLE, {"reward_model": 3}, ("sample", "score")),
        (Kind.SAMPLE, {"reward_model": 3, "shadow": 2}, ("sample", "score", "shadow")),
        (Kind.COMPARE, {}, ("sample",)),
        (Kind.COMPARE, {"reward_model": 3, "shadow": 2}, ("sample", "score")),
    ],
)
def test_the_programs_of_a_run_follow_from_what_it_was_asked(
    kind: str, config: dict[str, Any], stages: tuple[str, ...]
) -> None:
    run = Run(kind=kind, config=config)
    assert inputs.stages_of(run) == stages
    lost = [stage for stage in stages if inputs.may_fail(run, stage)]
    assert lost == [s for s in stages if s == "shadow" or (kind == Kind.TRAIN_REWARD and s != kind)]


def test_a_run_says_what_it_lacks_in_one_line() -> None:
    problem = "The folder is gone.\nPut it back."
    assert inputs.lost_with("shadow", problem).endswith("responses: The folder is gone.")
    assert inputs.lost_with("score", problem).endswith("or on none: The folder is gone.")


def project_with_policy(tmp_path: Path, **settings: Any) -> tuple[Project, Policy]:
    project = make_project(**settings)
    return project, make_policy(project, tmp_path / "policy")


def prompts(project: Project, count: int, split: str = Split.TRAIN) -> list[Prompt]:
    made = [make_prompt(project) for _ in range(count)]
    Prompt.objects.filter(pk__in=[prompt.pk for prompt in made]).update(split=split)
    return made


def improvement(policy: Policy, **config: Any) -> Run:
    settings = {"algorithm": "dpo", "kl_coefficient": 0.1}
    asked = {"train_policy": settings, "prompts": 8, "policy": policy.pk, "reference": policy.pk}
    return make_run(
        policy.project, Run.State.RUNNING, kind=Kind.TRAIN_POLICY, policy=policy,
        config=asked | config,
    )  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, FEWEST_PROMPTS - 1])
def test_too_few_prompts_to_learn_from_are_counted_in_the_refusal(
    tmp_path: Path, count: int
) -> None:
    project, policy = project_with_policy(tmp_path)
    prompts(project, count)
    prompts(project, 20, Split.TEST)
    with pytest.raises(CannotPrepare, match=f"There are only {count} prompts to train on"):
        inputs.prepare(improvement(policy), "train_policy")


def test_prompts_are_drawn_from_the_train_split_alike_at_every_attempt(tmp_path: Path) -> None:
    project, policy = project_with_policy(tmp_path)
    train = {str(prompt.pk) for prompt in prompts(project, 20)}
    prompts(project, 20, Split.TEST)
    run = improvement(policy)
    drawn = []
    for _ in range(2):
        folder = inputs.prepare(run, "train_policy")
        assert folder is not None
        lines = (folder / "prompts.jsonl").read_text().splitlines()
        drawn.append([json.loads(line)["id"] for line in lines])
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) == 8 and set(drawn[0]) <= train


def test_fewer_prompts_than_asked_for_are_all_taken(tmp_path: Path) -> None:
    project, policy = project_with_policy(tmp_path)
    prompts(project, FEWEST_PROMPTS)
    folder = inputs.prepare(improvement(policy, prompts=500), "train_policy")
    assert folder is not None
    assert len((folder / "prompts.jsonl").read_text().splitlines()) == FEWEST_PROMPTS


def test_a_policy_on_a_server_is_not_trained_here(tmp_path: Path) -> None:
    _, policy = project_with_policy(tmp_path)
    Policy.objects.filter(pk=policy.pk).update(location="http://127.0.0.1:9/v1?model=m")
    policy.refresh_from_db()
    with pytest.raises(CannotPrepare, match="tiny v1 runs on another server"):
        inputs.prepare(improvement(policy), "train_policy")


@pytest.mark.parametrize("reference", [None, 10**9])
def test_a_reference_that_is_gone_is_named(tmp_path: Path, reference: int | None) -> None:
    project, policy = project_with_policy(tmp_path)
    prompts(project, FEWEST_PROMPTS)
    with pytest.raises(CannotPrepare, match="The reference policy, to which the KL is measured"):
        inputs.prepare(improvement(policy, reference=reference), "train_policy")


def test_a_reward_model_that_is_gone_is_named(tmp_path: Path) -> None:
    _, policy = project_with_policy(tmp_path)
    with pytest.raises(CannotPrepare, match="The reward model was deleted"):
        inputs.prepare(improvement(policy, reward_model=10**9), "train_policy")


def test_a_training_without_its_snapshots_file_fails_in_words(tmp_path: Path) -> None:
    _, policy = project_with_policy(tmp_path)
    run = improvement(policy)
    run.snapshot = Snapshot.objects.create(project=policy.project, sha256="7" * 64, count=9)
    with pytest.raises(CannotPrepare):
        inputs.prepare(run, "train_policy")


def comparison(policy: Policy, **config: Any) -> Run:
    return make_run(
        policy.project, Run.State.RUNNING, kind=Kind.COMPARE, policy=policy,
        config={"sample": SAMPLE, "pairs": 4, "candidate": policy.pk} | config,
    )  # fmt: skip


@pytest.mark.parametrize("candidate", [None, 10**9])
def test_a_comparison_with_a_policy_that_is_gone_is_refused(
    tmp_path: Path, candidate: int | None
) -> None:
    project, policy = project_with_policy(tmp_path)
    prompts(project, 4)
    with pytest.raises(CannotPrepare, match="One of the two policies was deleted"):
        inputs.prepare(comparison(policy, candidate=candidate), "sample")


def test_a_comparison_without_prompts_is_refused(tmp_path: Path) -> None:
    _, policy = project_with_policy(tmp_path)
    with pytest.raises(CannotPrepare, match="There are no prompts to compare"):
        inputs.prepare(comparison(policy), "sample")


def test_both_policies_go_by_their_parts_in_the_comparison(tmp_path: Path) -> None:
    project, policy = project_with_policy(tmp_path)
    candidate = make_policy(project, tmp_path / "new")
    prompts(project, 4)
    folder = inputs.prepare(comparison(policy, candidate=candidate.pk), "sample")
    assert folder is not None
    config = json.loads((folder / "config.json").read_text())
    assert config["policies"] == {
        "current": str(tmp_path / "policy"), "new": str(tmp_path / "new"),
    }  # fmt: skip
    assert "policy" not in config


def sampling(policy: Policy, count: int = 4) -> Run:
    return make_run(
        policy.project, Run.State.RUNNING, kind=Kind.SAMPLE, policy=policy,
        config={"prompts": count, "sample": SAMPLE | {"policy": policy.location}},
    )  # fmt: skip


@pytest.mark.parametrize(("there", "asked", "written"), [(0, 4, 0), (1, 4, 1), (6, 4, 4)])
def test_as_many_prompts_are_sampled_as_there_are_and_were_asked_for(
    tmp_path: Path, there: int, asked: int, written: int
) -> None:
    project, policy = project_with_policy(tmp_path)
    prompts(project, there)
    folder = inputs.prepare(sampling(policy, asked), "sample")
    assert folder is not None
    assert len((folder / "prompts.jsonl").read_text().splitlines()) == written


def test_a_retry_samples_the_prompts_of_the_first_attempt(tmp_path: Path) -> None:
    """By then others would be chosen, and half of these are done already."""
    project, policy = project_with_policy(tmp_path)
    prompts(project, 2)
    run = sampling(policy)
    folder = inputs.prepare(run, "sample")
    assert folder is not None
    first = (folder / "prompts.jsonl").read_text()
    prompts(project, 5)
    inputs.prepare(run, "sample")
    assert (folder / "prompts.jsonl").read_text() == first


def test_the_second_try_after_memory_ran_out_asks_for_smaller_passes(tmp_path: Path) -> None:
    project, policy = project_with_policy(tmp_path)
    prompts(project, 2)
    run = sampling(policy)
    configs = []
    for smaller in (False, True, False):
        folder = inputs.prepare(run, "sample", smaller_passes=smaller)
        assert folder is not None
        configs.append(json.loads((folder / "config.json").read_text()))
    assert configs[1] == configs[0] | {"smaller_passes": True}
    assert configs[2] == configs[0], "the next attempt begins as the first one did"


def test_a_stage_that_is_done_is_not_prepared_again(tmp_path: Path) -> None:
    project, policy = project_with_policy(tmp_path)
    prompts(project, 2)
    run = sampling(policy)
    folder = inputs.prepare(run, "sample")
    assert folder is not None
    (folder / "samples.jsonl").write_text("{}\n")
    seal.write_result(folder, {"count": 1})
    assert inputs.prepare(run, "sample") is None
    (folder / "samples.jsonl").write_text("{}\n{}\n")
    assert inputs.prepare(run, "sample") == folder, "what it left was changed: it is done again"
    assert not (folder / "result.json").exists()


def test_nothing_new_to_score_starts_no_program(tmp_path: Path) -> None:
    project, _ = project_with_policy(tmp_path)
    model = make_reward_model(project)
    model.path.mkdir(parents=True)
    (model.path / "config.json").write_text("{}")
    run = make_run(project, Run.State.RUNNING, kind=Kind.SCORE, config={"reward_model": model.pk})
    assert inputs.prepare(run, "score") is None


def test_responses_that_were_not_stored_are_in_no_prompts_list(tmp_path: Path) -> None:
    project, policy = project_with_policy(tmp_path)
    prompt, other = prompts(project, 2)
    stored = make_response(
        prompt, "Yes.", origin=Response.Origin.POLICY, policy_version=policy.version
    )
    rows = [{"id": str(prompt.pk), "text": text} for text in ("Yes.", "No.", "Yes.")]
    rows.append({"id": str(other.pk), "text": "Yes."})
    run = sampling(policy)
    assert inputs.sampled_by_prompt(run, rows) == {prompt.pk: [stored.pk], other.pk: []}
    assert inputs.sampled_by_prompt(run) == {}, "no file, no samples"


@pytest.mark.parametrize(
    "line", ['{"id": "x", "text": "a"}', '{"id": "1"}', '{"text": 3, "id": 1}']
)
def test_samples_that_lack_their_prompt_or_text_are_damage(tmp_path: Path, line: str) -> None:
    _, policy = project_with_policy(tmp_path)
    run = sampling(policy)
    folder = run.folder / "sample"
    folder.mkdir(parents=True)
    (folder / "samples.jsonl").write_text(line + "\n")
    with pytest.raises(DamagedOutput, match="sample's output is not as it should be"):
        outputs.store(run, "sample")
    assert not Response.objects.exists()


def test_a_comparison_whose_round_is_over_queues_nothing_and_says_so(tmp_path: Path) -> None:
    project, policy = project_with_policy(tmp_path)
    run = comparison(policy)
    results = improvement_outputs.collect_comparison(run)
    assert results == {"comparisons": 0, "note": "Its round was over: nothing was queued."}
    round_ = Round.objects.create(
        project=project, number=1, state=Round.State.FAILED, candidate=policy, policy=policy,
        started_at=run.created_at,
    )  # fmt: skip
    run.round = round_
    assert improvement_outputs.collect_comparison(run)["comparisons"] == 0


def sample(number: int) -> str:
    return json.dumps({"policy": "p", "id": "1", "sample": number, "text": "ä" * number}) + "\n"


def test_samples_are_read_as_they_come_and_each_once(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    tail = SampleTail(path)
    assert tail.read() == [], "no file yet"
    path.write_text(sample(1) + sample(2)[:-9])
    assert [row["sample"] for row in tail.read()] == [1]
    with path.open("a") as file:
        file.write(sample(2)[-9:] + "no row\n" + sample(3))
    assert [row["sample"] for row in tail.read()] == [2, 3]
    assert tail.read() == []


def test_samples_that_were_put_in_order_are_read_from_the_start(tmp_path: Path) -> None:
    """At its end the program writes the file anew: another file by the same name."""
    path = tmp_path / "samples.jsonl"
    path.write_text(sample(2) + sample(1))
    tail = SampleTail(path)
    assert len(tail.read()) == 2
    (tmp_path / "new").write_text(sample(1) + sample(2))
    (tmp_path / "new").replace(path)
    assert [row["sample"] for row in tail.read()] == [1, 2]
    path.unlink()
    assert tail.read() == []
