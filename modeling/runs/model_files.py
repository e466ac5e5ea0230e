"""Whether the folder of a model that we made is still what it was when it was made.

The hashes of its files are noted in the database with the version. Somebody who loads the model
compares first: a folder that was changed under it is named, and not used. Versions from before
that was noted, and models that somebody else has made, are taken as they are.
"""

from pathlib import Path

from django.conf import settings

from labeling.models import Project
from labeling.projects.model_locations import NotUsable
from modeling.core.program.seal import Notes, first_change, read_result
from modeling.models import Policy, RewardModel

# What loaders look for in a folder. A file of another kind beside the weights changes nothing.
READ_BY_LOADERS = frozenset(
    {".json", ".safetensors", ".bin", ".pt", ".model", ".txt", ".py", ".jinja", ".gguf", ".msgpack"}
)

Version = Policy | RewardModel


class Changed(NotUsable):
    """The folder is not what it was. The message is a sentence for people."""


def made_by(folder: Path) -> Notes:
    """The notes that a run's program has taken of the models that it left in the folder. Their
    cards are no part of them: they are written anew (modeling/reward_models/model_card.py)."""
    result = read_result(folder)
    models = [result.figures.get("model_dir"), *(result.figures.get("members") or [])]
    inside = tuple(f"{name}/" for name in models if name)
    return {
        name: notes
        for name, notes in result.files.items()
        if name.startswith(inside) and not name.endswith("/README.md")
    }


def check(version: Version, *, sizes_only: bool = False) -> None:
    """Raises Changed. `sizes_only`: without reading the weights, for somebody who waits."""
    if not version.files:
        return
    base = _base_of(version)
    change = first_change(base, version.files, sizes_only=sizes_only) or _added(base, version.files)
    if change:
        raise Changed(
            f"The folder of {version} was changed after it was made: {change}. Put it back as it "
            "was, or use another version."
        )


def check_location(project: Project, location: str) -> None:
    """The same for a location that may be that of a policy which a run of this project made."""
    noted = Policy.objects.filter(project=project, location=location).exclude(files={})
    for policy in noted:
        check(policy)


def _base_of(version: Version) -> Path:
    """What the names in the notes begin at: the folder of the run that made it."""
    run = version.run
    return run.folder if run is not None else Path(settings.DATA_DIR)


def _added(base: Path, notes: Notes) -> str:
    """A file that a loader would read and that was not there, as half a sentence."""
    for folder in sorted({(base / name).parent for name in notes}):
        for path in sorted(folder.iterdir()):
            name = path.relative_to(base).as_posix()
            if path.is_file() and path.suffix in READ_BY_LOADERS and name not in notes:
                return f"{name} was added"
    return ""
