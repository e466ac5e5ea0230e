"""Adds prompts, responses and comparisons; what is there already is found again.

The importer has bulk versions of its own that keep to the same rules.
"""

from collections.abc import Iterable, Mapping, Sequence

from django.db import transaction

from labeling.models import Comparison, ComparisonResponse, Project, Prompt, Response
from labeling.texts import prompt_digest, response_digest, split_of

BATCH = 500


def add_prompt(
    project: Project,
    messages: Sequence[dict[str, str]],
    *,
    tags: Iterable[str] = (),
    source: str = "",
) -> tuple[Prompt, bool]:
    digest = prompt_digest(messages)
    return Prompt.objects.get_or_create(
        project=project,
        digest=digest,
        defaults={
            "messages": list(messages),
            "split": split_of(digest),
            "tags": list(tags),
            "source": source,
        },
    )


def add_response(
    prompt: Prompt,
    text: str,
    *,
    origin: str,
    source: str = "",
    policy_version: int | None = None,
    seed: int | None = None,
    temperature: float | None = None,
    finished: bool = True,
) -> tuple[Response, bool]:
    """The response with this text; a text that differs only in white space is the same."""
    return Response.objects.get_or_create(
        prompt=prompt,
        digest=response_digest(text),
        defaults={
            "text": text,
            "origin": origin,
            "source": source,
            "policy_version": policy_version,
            "seed": seed,
            "temperature": temperature,
            "finished": finished,
        },
    )


def responses_key(response_ids: Iterable[int]) -> str:
    """The name of a set of responses: their ids, ascending."""
    return "-".join(str(response_id) for response_id in sorted(response_ids))


def add_comparison(
    prompt: Prompt,
    responses: Sequence[Response],
    *,
    wanted: int | None = None,
    priority: float = 0.0,
    round_number: int | None = None,
) -> tuple[Comparison | None, bool]:
    """Queues a comparison of these responses; None when fewer than two of them differ."""
    distinct = list({response.digest: response for response in responses}.values())
    if len(distinct) < 2:
        return None, False
    if any(response.prompt_id != prompt.pk for response in distinct):
        raise ValueError("every response of a comparison must answer its prompt")
    wanted = prompt.project.overlap if wanted is None else wanted
    with transaction.atomic():
        comparison, created = Comparison.objects.get_or_create(
            prompt=prompt,
            responses_key=responses_key(response.pk for response in distinct),
            defaults={
                "project_id": prompt.project_id,
                "size": len(distinct),
                "wanted": wanted,
                "slots_left": wanted,
                "priority": priority,
                "round_number": round_number,
            },
        )
        if created:
            ComparisonResponse.objects.bulk_create(
                ComparisonResponse(comparison=comparison, response=response, position=position)
                for position, response in enumerate(distinct)
            )
    return comparison, created


def add_pairs(
    project: Project,
    pairs: Mapping[int, Sequence[int]],
    priorities: Iterable[float],
    round_number: int | None,
) -> list[Comparison]:
    """Queues a new comparison for each prompt's responses, all ids, with a priority for each; the
    comparisons in the order of `pairs`. Those that exist already are the caller's to leave out."""
    comparisons = Comparison.objects.bulk_create(
        (
            Comparison(
                project=project,
                prompt_id=prompt_id,
                responses_key=responses_key(pair),
                wanted=project.overlap,
                slots_left=project.overlap,
                priority=priority,
                round_number=round_number,
            )
            for (prompt_id, pair), priority in zip(pairs.items(), priorities, strict=False)
        ),
        BATCH,
    )
    ComparisonResponse.objects.bulk_create(
        (
            ComparisonResponse(comparison=comparison, response_id=response_id, position=position)
            for comparison in comparisons
            for position, response_id in enumerate(pairs[comparison.prompt_id])
        ),
        BATCH,
    )
    return comparisons
