"""The contract on torch covers whatever the web process can load: a new module is named there, or
here with the reason."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAY_LOAD_TORCH = {
    "modeling.core": "the learning programs",
    "modeling.management": "commands are processes of their own",
    "modeling.reward_models.scorer_loop": "the scorer is a process of its own",
    "modeling.demo.world": "its two scripts build and measure the shipped policy",
}
HAVE_NO_IMPORTS = {"modeling.apps", "modeling.migrations"}


def modules_below(package: str) -> set[str]:
    folder = ROOT / package.replace(".", "/")
    names = {path.stem for path in folder.glob("*.py")} | {
        path.parent.name for path in folder.glob("*/__init__.py")
    }
    return {f"{package}.{name}" for name in names - {"__init__"}}


def test_every_module_of_the_web_process_is_kept_from_torch() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    (contract,) = [one for one in contracts if "never loads torch" in one["name"]]
    watched = set(contract["source_modules"])
    assert {"config", "labeling"} <= watched
    unwatched = modules_below("modeling") - watched - MAY_LOAD_TORCH.keys() - HAVE_NO_IMPORTS
    # Of two packages some modules are named one by one.
    for package in ("modeling.demo", "modeling.reward_models"):
        unwatched -= {package}
        unwatched |= modules_below(package) - watched - MAY_LOAD_TORCH.keys()
    assert unwatched == set()
