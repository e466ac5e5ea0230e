"""How pages name the rows of the learning side: by version or number, with a link."""

from collections.abc import Collection

from django.urls import reverse

from labeling.models import Project
from labeling.pages.naming import FieldWords, Named, Namer, add_fields, add_namer
from modeling.models import Loop, Policy, RewardModel, Round, Run
from modeling.settings import SETTINGS, Setting
from modeling.settings.declaring import OneOf


def reward_model_named(model: RewardModel) -> Named:
    return Named(str(model), reverse("reward-model", args=[model.pk]))


def policy_named(policy: Policy, slug: str) -> Named:
    return Named(
        f"policy v{policy.version}", f"{reverse('policies', args=[slug])}#policy-{policy.version}"
    )


def _reward_models(project: Project, keys: Collection[int]) -> dict[int, Named]:
    rows = RewardModel.objects.filter(project=project, pk__in=keys)
    return {row.pk: reward_model_named(row) for row in rows}


def _reward_model_version(project: Project, version: int) -> int | None:
    rows = RewardModel.objects.filter(project=project, version=version)
    return rows.values_list("pk", flat=True).first()


def _policies(project: Project, keys: Collection[int]) -> dict[int, Named]:
    rows = Policy.objects.filter(project=project, pk__in=keys)
    return {row.pk: policy_named(row, project.slug) for row in rows}


def _policy_version(project: Project, version: int) -> int | None:
    rows = Policy.objects.filter(project=project, version=version)
    return rows.values_list("pk", flat=True).first()


def _runs(project: Project, keys: Collection[int]) -> dict[int, Named]:
    rows = Run.objects.filter(project=project, pk__in=keys)
    return {
        row.pk: Named(f"run #{row.pk}, {row.get_kind_display()}", reverse("run", args=[row.pk]))
        for row in rows
    }


def _rounds(project: Project, keys: Collection[int]) -> dict[int, Named]:
    rows = Round.objects.filter(project=project, pk__in=keys)
    url = reverse("rounds", args=[project.slug])
    return {
        row.pk: Named(f"round {row.number}", f"{url}?before={row.number + 1}#round-{row.number}")
        for row in rows
    }


def _loops(project: Project, keys: Collection[int]) -> dict[int, Named]:
    rows = Loop.objects.filter(project=project, pk__in=keys)
    return {
        row.pk: Named("the gate", reverse("reward-models", args=[project.slug])) for row in rows
    }


def add_namers() -> None:
    """Makes the pages of the labeling side name these rows, too. Called when Django is ready."""
    add_namer("rewardmodel", Namer("reward model", _reward_models, _reward_model_version))
    add_namer("policy", Namer("policy", _policies, _policy_version))
    add_namer("run", Namer("run", _runs))
    add_namer("round", Namer("round", _rounds))
    add_namer("loop", Namer("gate", _loops))
    # Entries about the loop's settings are about the project, as they were when it had them.
    add_fields("project", {name: _field_words(setting) for name, setting in SETTINGS.items()})


def _field_words(setting: Setting) -> FieldWords:
    choices = dict(setting.choices.pairs()) if isinstance(setting, OneOf) else {}
    return FieldWords(setting.label, choices)
