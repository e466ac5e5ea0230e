"""Imports a file into the project that load_data.py made, in a process of its own, and says what it
cost: `import_child.py FILE`, with the server's environment."""

import io
import json
import os
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


def main() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from benchmarks.parts.load_data import SLUG
    from labeling.models import AuditEntry, Project

    project = Project.objects.get(slug=SLUG)
    memory, began = _most_memory(), time.process_time()
    call_command("import_data", SLUG, sys.argv[1], stdout=io.StringIO(), stderr=io.StringIO())
    cost = {"cpu_seconds": time.process_time() - began, "memory_mb": _most_memory() - memory}
    report = AuditEntry.objects.filter(project=project, action="import").latest("id").details
    print(
        json.dumps({**cost, **{name: report[name] for name in ("prompts_new", "comparisons_new")}})
    )


def _most_memory() -> float:
    """In megabytes, of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
