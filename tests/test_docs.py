"""What the documents say of the code is there: files, functions, packages, layers."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "decisions").glob("*.md")),
]
FOLDERS = "config|labeling|modeling|templates|static|tests|benchmarks|docs"
PATH = re.compile(rf"`((?:{FOLDERS})/[\w/.-]+?)`(?:\s+\(`(\w+)`\))?")
FILE_IN_CODE = re.compile(r"(?<![\w/.-])((?:\w+/)*\w+\.py)\b")
# Machinery, no rooms that one looks for.
NOT_IN_THE_TREE = {"migrations", "commands"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_and_functions_that_a_page_names_exist(page: Path) -> None:
    for path, function in PATH.findall(page.read_text()):
        file = ROOT / path
        assert file.exists(), path
        if function:
            assert re.search(rf"^(def|class) {function}\b", file.read_text(), re.M), (
                f"{path} has no {function}"
            )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_a_file_from_the_root_on(page: Path) -> None:
    """CONTRIBUTING's recipes may go on from the folder that they have just named."""
    if page.name == "CONTRIBUTING.md":
        return
    names = re.findall(r"`([\w/]+\.py)`", page.read_text())
    assert [name for name in names if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("package", ["config", "labeling", "modeling"])
def test_a_file_that_code_names_stands_beside_it_or_is_named_from_the_root_on(
    package: str,
) -> None:
    lost = []
    for file in sorted((ROOT / package).glob("**/*.py")):
        if "migrations" in file.parts:
            continue
        for name in FILE_IN_CODE.findall(file.read_text(encoding="utf-8")):
            if not ((ROOT / name).is_file() or (file.parent / name).is_file()):
                lost.append(f"{file.relative_to(ROOT)}: {name}")
    assert lost == []


def tree() -> set[str]:
    """Folders of README's tree, from the root."""
    text = (ROOT / "README.md").read_text()
    lines = text.split("```\nmanage.py", 1)[1].split("```", 1)[0].splitlines()[1:]
    above: list[str] = []
    named = set()
    for line in lines:
        depth = (len(line) - len(line.lstrip())) // 2
        for folder in re.findall(r"(?:^ *|(?<=/) +)([\w]+)/(?= |$)", line):
            above[depth:] = [folder]
            named.add("/".join(above))
    return named


def packages() -> set[str]:
    found = set()
    for file in ROOT.glob("*/**/__init__.py"):
        parts = file.parent.relative_to(ROOT).parts
        if parts[0] in ("config", "labeling", "modeling") and not NOT_IN_THE_TREE & set(parts):
            found.add("/".join(parts))
    return found


def test_readme_names_every_package_and_no_other() -> None:
    in_code = {name for name in tree() if name.split("/")[0] in ("config", "labeling", "modeling")}
    assert in_code == packages() - {"config/management"}


@pytest.mark.parametrize("name", sorted(packages()))
def test_every_package_says_what_it_holds(name: str) -> None:
    if name.endswith(("management", "templatetags")):
        return
    sentence = ast.get_docstring(ast.parse((ROOT / name / "__init__.py").read_text()))
    assert sentence and len(sentence.split()) > 2


def layers_checked() -> dict[str, list[set[str]]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {
        contract["containers"][0]: [set(layer.split(" | ")) for layer in contract["layers"]]
        for contract in settings["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
    }


@pytest.mark.parametrize("container", ["labeling", "modeling", "modeling.core"])
def test_the_drawing_of_the_rooms_is_what_is_checked(container: str) -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    name = container.replace(".", "/")
    drawing = re.search(rf"^`{name}`: [^`]*```\n(.*?)```", text, re.M | re.S)
    assert drawing
    drawn = [set(line.split()) for line in drawing[1].splitlines()]
    assert drawn == layers_checked()[container]
