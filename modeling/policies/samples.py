"""What versions of the policy wrote for the same prompt, side by side, with rewards.

Two sources: responses in the project, by any versions; and for a version that was trained here,
what was written to the held-out prompts before and after, which needs no comparison by people.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from django.db.models import Count, QuerySet

from labeling.material.excerpts import AllContents
from labeling.models import Project, Prompt, Response
from modeling.models import Policy, RewardModel, Score
from modeling.models.versions import reward_model_by
from modeling.policies.gold import Oracle, oracle_of
from modeling.policies.held_out import HeldOutPair, Written, held_out_pairs

MOST_TRAINED = 12
MOST_VERSIONS = 4
MOST_OTHERS = 5


@dataclass(frozen=True)
class ShownSample:
    """One response. `reward` is by the page's reward model; `gold` is there in the demo only."""

    text: str
    finished: bool
    reward: float | None
    gold: float | None


@dataclass
class Column:
    """What one version wrote for a prompt, the latest first. `when`: before or after training."""

    version: int
    samples: list[ShownSample] = field(default_factory=list)
    when: str = ""


@dataclass(frozen=True)
class PromptRow:
    """A prompt with what each version wrote for it. `key` names the prompt on the page."""

    key: str
    prompt: str
    columns: list[Column]


@dataclass(frozen=True)
class SamplePage:
    """Some prompts with what was written. `after`: the number to go on after; None at the end."""

    rows: list[PromptRow]
    reward_model: RewardModel | None
    after: int | None


def trained_versions(project: Project) -> QuerySet[Policy]:
    """The versions that a run has trained from another version, newest first."""
    made = Policy.objects.filter(project=project, run__isnull=False, parent__isnull=False)
    return made.select_related("run", "parent").order_by("-version")


def trained_here(project: Project) -> list[Policy]:
    """Lists the newest of them."""
    return list(trained_versions(project)[:MOST_TRAINED])


def versions_with_responses(project: Project) -> set[int]:
    written = Response.objects.filter(
        prompt__project=project, origin=Response.Origin.POLICY
    ).values_list("policy_version", flat=True)
    return {version for version in written.distinct().order_by() if version is not None}


def chosen_versions(known: Collection[int], asked: Collection[int]) -> list[int]:
    """The versions to show: of those that were asked for the newest, else the two newest."""
    newest = sorted(set(known) & set(asked), reverse=True)[:MOST_VERSIONS]
    return sorted(newest or sorted(known, reverse=True)[:2])


def written_in_project(
    project: Project, versions: Sequence[int], text: str, after: int | None, size: int
) -> SamplePage:
    """Prompts that all of these versions have answered, in the order of their ids."""
    prompts = _prompts(project, versions, text)
    if after is not None:
        prompts = prompts.filter(pk__gt=after)
    page = list(prompts[: size + 1])
    shown = page[:size]
    responses = _responses(shown, versions)
    model = _reward_model(responses)
    rows = _rows(project, shown, versions, responses, model)
    return SamplePage(rows, model, shown[-1].pk if len(page) > size else None)


def written_in_training(
    project: Project, policy: Policy, text: str, after: int | None, size: int
) -> SamplePage | None:
    """Prompts of the file of the run that made the policy, counted from 1. None where the file is
    gone."""
    assert policy.run is not None and policy.parent is not None
    pairs = held_out_pairs(policy.run)
    if pairs is None:
        return None
    samples = [
        (number, pair)
        for number, pair in enumerate(pairs, start=1)
        if text.lower() in _contents(pair) and number > (after or 0)
    ]
    page, is_more = samples[:size], len(samples) > size
    oracle = oracle_of(project)
    return SamplePage(
        [_pair_row(policy, number, pair, oracle) for number, pair in page],
        reward_model_by(policy.run.asked.reward_model),
        page[-1][0] if is_more else None,
    )


def _contents(pair: HeldOutPair) -> str:
    return "\n".join(message["content"] for message in pair.messages).lower()


def _pair_row(policy: Policy, number: int, pair: HeldOutPair, oracle: Oracle | None) -> PromptRow:
    def samples(written: Sequence[Written]) -> list[ShownSample]:
        return [
            ShownSample(
                w.text, w.finished, w.reward, oracle(pair.messages, w.text) if oracle else None
            )
            for w in written[: MOST_OTHERS + 1]
        ]

    assert policy.parent is not None
    columns = [
        Column(policy.parent.version, samples(pair.before), "before"),
        Column(policy.version, samples(pair.after), "after"),
    ]
    return PromptRow(str(number), pair.messages[-1]["content"], columns)


def _prompts(project: Project, versions: Sequence[int], text: str) -> QuerySet[Prompt]:
    """Finds the prompts that all of these versions have answered."""
    prompts = Prompt.objects.filter(
        project=project,
        responses__origin=Response.Origin.POLICY,
        responses__policy_version__in=versions,
    ).annotate(writers=Count("responses__policy_version", distinct=True))
    prompts = prompts.filter(writers=len(versions)).order_by("pk")
    if text:
        prompts = prompts.annotate(contents=AllContents("messages"))
        prompts = prompts.filter(contents__icontains=text)
    return prompts


def _reward_model(responses: Sequence[Response]) -> RewardModel | None:
    """Chooses the reward model that has scored most of these responses, so that rewards side by
    side are comparable. Of several it takes the newest."""
    shown = Score.objects.filter(response__in=[response.pk for response in responses])
    by_model = shown.values("reward_model").annotate(scored=Count("pk"))
    most = by_model.order_by("-scored", "-reward_model__version").first()
    return RewardModel.objects.get(pk=most["reward_model"]) if most else None


def _responses(prompts: Sequence[Prompt], versions: Sequence[int]) -> list[Response]:
    responses = Response.objects.filter(
        prompt__in=prompts, origin=Response.Origin.POLICY, policy_version__in=versions
    )
    return list(responses.order_by("-pk"))


def _rows(
    project: Project,
    prompts: Sequence[Prompt],
    versions: Sequence[int],
    responses: Sequence[Response],
    model: RewardModel | None,
) -> list[PromptRow]:
    scores = Score.objects.filter(reward_model=model, response__in=[r.pk for r in responses])
    rewards = dict(scores.values_list("response_id", "value")) if model else {}
    oracle = oracle_of(project)
    messages = {prompt.pk: prompt.messages for prompt in prompts}
    written: dict[tuple[int, int | None], list[ShownSample]] = defaultdict(list)
    # Those with a reward lead: they can be compared.
    for response in sorted(responses, key=lambda response: response.pk not in rewards):
        samples = written[response.prompt_id, response.policy_version]
        if len(samples) <= MOST_OTHERS:
            gold = oracle(messages[response.prompt_id], response.text) if oracle else None
            reward = rewards.get(response.pk)
            samples.append(ShownSample(response.in_words, response.finished, reward, gold))
    return [
        PromptRow(
            str(prompt.pk),
            prompt.last_message,
            [Column(version, written[prompt.pk, version]) for version in versions],
        )
        for prompt in prompts
    ]
