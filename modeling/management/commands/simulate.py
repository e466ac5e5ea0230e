"""`manage.py simulate PROJECT`: simulated people label, so that the loop can be watched turning."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.models import Project
from modeling.settings.choices import Improvement, Promotion
from modeling.simulation.report import Summary
from modeling.simulation.rounds import Goal, settings_for_rounds
from modeling.simulation.running import labeler, simulate

# With fewer a round, whether a tiny reward model has learned something is mostly luck.
IN_ALL, PER_ROUND = 300, 1000


class Command(BaseCommand):
    help = (
        "Lets simulated labelers judge, several at once, as the demo world's oracle would. "
        "The workers of `manage.py up` train and sample meanwhile."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="The project's slug.")
        parser.add_argument(
            "--judgments", type=int, help="How many in all (300), or in each round (1000)."
        )
        parser.add_argument(
            "--rounds",
            type=int,
            default=0,
            help="Go on until so many new policies were promoted or rejected. "
            "Meanwhile the project's rounds are as long as --judgments says.",
        )
        parser.add_argument(
            "--improve-with",
            choices=[way.value for way in Improvement if way != Improvement.OFF],
            default="",
            help="With --rounds: how the policy is improved (as the project has it).",
        )
        parser.add_argument(
            "--promotion",
            choices=[way.value for way in Promotion],
            default="",
            help="With --rounds: when a new policy takes over (blind; best_of_n: automatic).",
        )
        parser.add_argument("--labelers", type=int, default=4, help="How many at once (4).")
        parser.add_argument(
            "--noise", type=float, default=0.0, help="Share of verdicts turned round (0)."
        )
        parser.add_argument("--seed", type=int, default=0, help="Of the labelers' chance (0).")
        parser.add_argument(
            "--wait-for-loop", action="store_true", help="Wait until the loop has done its part."
        )
        parser.add_argument(
            "--patience", type=float, default=300, help="Seconds to wait for new pairs (300)."
        )

    def handle(self, *_: Any, **given: Any) -> None:
        project = Project.objects.filter(slug=given["project"]).first()
        if project is None:
            raise CommandError(f"There is no project “{given['project']}”.")
        if not 0 <= given["noise"] <= 1:
            raise CommandError("--noise is a share: from 0 to 1.")
        if given["judgments"] is None:
            given["judgments"] = PER_ROUND if given["rounds"] else IN_ALL
        if given["judgments"] < 1 or given["labelers"] < 1 or given["rounds"] < 0:
            raise CommandError("--judgments and --labelers start at 1, --rounds at 0.")
        if project.overlap > given["labelers"]:
            raise CommandError(
                f"{project} asks {project.overlap} people about each comparison: "
                f"use --labelers {project.overlap} or more."
            )
        summary = self._simulate(project, given)
        self._print(summary)
        if summary.faults:
            raise CommandError("Broken promises:\n" + "\n".join(summary.faults))
        if summary.gave_up:
            raise CommandError(summary.gave_up)

    def _simulate(self, project: Project, given: dict[str, Any]) -> Summary:
        options = {
            name: given[name]
            for name in ("judgments", "labelers", "noise", "seed", "wait_for_loop", "patience")
        }
        if not given["rounds"]:
            return simulate(project, **options, tell=self._tell)
        by = labeler(project, 1)
        ways = given["improve_with"], given["promotion"]
        with settings_for_rounds(project, by, given["judgments"], *ways) as changed:
            values = ", ".join(f"{name} {value}" for name, value in changed.items())
            self._tell(f"Settings for the time being: {values}")
            goal = Goal(project, given["rounds"], self._tell)
            return simulate(project, **options, goal=goal, tell=self._tell)

    def _tell(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def _print(self, summary: Summary) -> None:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(summary.kinds.items()))
        sampled = ", ".join(
            f"{count} in round {number}" for number, count in summary.policy_comparisons.items()
        )
        lines = [
            f"{summary.judgments} judgments in {summary.seconds:.0f} s ({kinds})",
            f"{summary.finished} comparisons finished, {summary.preferences} preferences settled",
            f"comparisons by the policy: {sampled or 'none'}",
            *[f"reward model {model}" for model in summary.reward_models],
        ]
        for line in lines:
            self._tell(line)
        if not summary.faults:
            self._tell("no judgment lost, doubled or beyond what its comparison asked for")
