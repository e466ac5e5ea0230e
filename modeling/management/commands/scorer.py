"""`python manage.py scorer`: keeps reward models in memory and answers the web process."""

import os
import signal
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand

from modeling.reward_models.scorer_loop import Models, load_scorer, serve


class Command(BaseCommand):
    help = "Scores texts with reward models kept in memory, for the API and the playground."
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        # Idle threads that spin would take the cores that training needs; read when torch loads.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        stopping = False

        def stop(_signal: int, _frame: FrameType | None) -> None:
            nonlocal stopping
            stopping = True

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        serve(Models(load_scorer(os.environ.get("SCORER_DEVICE") or "auto")), lambda: stopping)
