"""What came of a simulation, and whether every promise of the labeling side was kept."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q

from labeling.models import Comparison, Judgment, Project, Response, User
from modeling.measures.points import HEADLINE
from modeling.models import RewardModel


@dataclass(frozen=True)
class Summary:
    """What came of a simulation. `faults` names every broken promise; it should be empty."""

    kinds: dict[str, int]
    seconds: float
    preferences: int
    reward_models: list[str]
    policy_comparisons: dict[int, int]
    finished: int
    faults: list[str]
    gave_up: str

    @property
    def judgments(self) -> int:
        return sum(self.kinds.get(kind, 0) for kind in Judgment.ANSWERS)


def summary_of_simulation(
    project: Project,
    kinds: dict[str, int],
    users: list[User],
    since: datetime,
    seconds: float,
    gave_up: str,
) -> Summary:
    judgments = sum(kinds.get(kind, 0) for kind in Judgment.ANSWERS)
    by_policy = (
        project.comparisons.filter(responses__origin=Response.Origin.POLICY)
        .values_list("round_number")
        .annotate(Count("pk", distinct=True))
        .order_by("round_number")
    )
    finished = project.comparisons.filter(state=Comparison.State.FINISHED)
    return Summary(
        kinds=kinds,
        seconds=seconds,
        preferences=project.preferences.filter(settled_at__isnull=False).count(),
        reward_models=[
            describe_model(model)
            for model in RewardModel.objects.filter(project=project).order_by("version")
        ],
        policy_comparisons={number or 0: count for number, count in by_policy},
        finished=finished.count(),
        faults=faults_of(project, judgments, users, since),
        gave_up=gave_up,
    )


def describe_model(model: RewardModel) -> str:
    accuracies = model.figures.accuracy
    parts = [
        f"{split} {accuracy['value']:.2f} (n={accuracy['n']})"
        for split in (*HEADLINE, "train")
        if (accuracy := accuracies.get(split)) and accuracy.get("value") is not None
    ]
    return f"v{model.version} {model.status}, accuracy {', '.join(parts) or 'unknown'}"


def faults_of(project: Project, answered: int, users: list[User], since: datetime) -> list[str]:
    """Promises that were broken: lost or doubled judgments, too many for one comparison."""
    faults = []
    current = Judgment.objects.filter(project=project, superseded_at__isnull=True)
    made = current.filter(labeler__in=users, created_at__gte=since, kind__in=Judgment.ANSWERS)
    if made.count() != answered:
        faults.append(f"{answered} judgments were made, {made.count()} are stored")
    counted = Count("pk", filter=Q(kind__in=Judgment.ANSWERS, is_surplus=False))
    people = Count("labeler", distinct=True, filter=Q(kind__in=Judgment.ANSWERS, is_surplus=False))
    for row in (
        current.values("comparison", "comparison__wanted", "comparison__state")
        .annotate(counted=counted, people=people)
        .order_by("comparison")
    ):
        name = f"comparison {row['comparison']}"
        if row["counted"] > row["comparison__wanted"]:
            faults.append(f"{name} has {row['counted']} judgments of {row['comparison__wanted']}")
        if row["people"] != row["counted"]:
            faults.append(f"{name} has two judgments by one labeler")
        is_finished = row["comparison__state"] == Comparison.State.FINISHED
        if is_finished and row["counted"] != row["comparison__wanted"]:
            faults.append(f"{name} is finished with {row['counted']} judgments")
    return faults
