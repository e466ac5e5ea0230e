"""Which runs and reward models learnt from a snapshot (labeling/snapshots/uses.py asks)."""

from django.urls import reverse

from labeling.models import Snapshot
from labeling.snapshots.uses import SnapshotUse
from modeling.models import RewardModel, Run


def uses_of(snapshot: Snapshot) -> list[SnapshotUse]:
    """Reward models first, then runs, the newest of each first."""
    reward_models = RewardModel.objects.filter(snapshot=snapshot).select_related("project")
    runs = Run.objects.filter(snapshot=snapshot).order_by("-pk")
    return [
        *(
            SnapshotUse(f"Reward model v{model.version}", reverse("reward-model", args=[model.pk]))
            for model in reward_models
        ),
        *(
            SnapshotUse(f"Run {run.pk} ({run.get_kind_display()})", reverse("run", args=[run.pk]))
            for run in runs
        ),
    ]
