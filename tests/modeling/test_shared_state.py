"""Nothing that can change is shared between the threads of a process, unless a lock is held."""

import ast
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modeling.reward_models.scorer_loop import Models, ScoreTexts
from modeling.reward_models.serving import ScorerAnswer
from tests.modeling.at_once.test_races import at_once

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "modeling").rglob("*.py"))
CHANGING = {
    "add", "append", "clear", "discard", "extend", "insert", "move_to_end", "pop", "popitem",
    "remove", "setdefault", "update",
}  # fmt: skip
CACHES = {"cache", "lru_cache"}
# What a cached function may give to everybody: nobody can write to these. Arrays of comparing.py
# are made read-only.
IMMUTABLE = {
    "str", "int", "tuple", "frozenset", "Mapping", "re.Pattern", "Callable", "Array", "bool",
    "float", "Segments",
}  # fmt: skip


@pytest.fixture
def threads_change_places_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def module_names(tree: ast.Module) -> set[str]:
    """Names of the module itself."""
    found = set()
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def changed_name(node: ast.AST) -> str | None:
    """The name of what this statement changes in place."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        owner = node.func.value
        if node.func.attr in CHANGING and isinstance(owner, ast.Name):
            return owner.id
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        return node.value.id if isinstance(node.value, ast.Name) else None
    return None


def unlocked_changes(path: Path) -> list[str]:
    """Where functions of a module change what belongs to the module, without its lock."""
    tree = ast.parse(path.read_text())
    names, found = module_names(tree), list[str]()

    def visit(node: ast.AST, is_locked: bool, local: set[str]) -> None:
        if isinstance(node, ast.Global):
            found.append(f"{path.name}:{node.lineno} global {', '.join(node.names)}")
        if isinstance(node, ast.FunctionDef):
            arguments = node.args.args + node.args.kwonlyargs + node.args.posonlyargs
            assigned = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
            local = local | {a.arg for a in arguments}
            local |= {n.id for n in assigned if isinstance(n.ctx, ast.Store)}
        if isinstance(node, ast.With):
            is_locked |= any("lock" in ast.unparse(item.context_expr) for item in node.items)
        name = changed_name(node)
        if name in names - local and not is_locked:
            found.append(f"{path.name}:{getattr(node, 'lineno', 0)} {name}")
        for child in ast.iter_child_nodes(node):
            visit(child, is_locked, local)

    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            visit(node, False, set())
    return found


def test_no_function_changes_what_its_module_keeps_without_a_lock() -> None:
    assert [place for path in FILES for place in unlocked_changes(path)] == []


def test_cached_functions_give_what_nobody_can_change() -> None:
    given = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef):
                continue
            decorators = {ast.unparse(one).partition("(")[0] for one in node.decorator_list}
            if decorators & CACHES:
                assert node.returns is not None
                given[f"{path.name}:{node.name}"] = ast.unparse(node.returns).partition("[")[0]
    assert len(given) > 8
    assert {name: kind for name, kind in given.items() if kind not in IMMUTABLE} == {}


def test_nothing_is_kept_on_the_connection_that_all_threads_share() -> None:
    """`django.db.connection` is a proxy: its own attributes are one for all threads."""
    for path in FILES:
        assert "connection.__dict__" not in path.read_text(), path


def test_models_in_memory_serve_one_thread_at_a_time(threads_change_places_often: None) -> None:
    """As they are not made for several: each of eight threads gets the rewards of its own texts."""
    at_work: list[int] = []

    def load(folders: tuple[str, ...]) -> ScoreTexts:
        kept: list[str] = []

        def score(texts: list[Any]) -> ScorerAnswer:
            at_work.append(1)
            assert len(at_work) == 1, "two threads in one model"
            kept[:] = [response for _, response in texts]
            time.sleep(0)
            rewards = [[float(response)] for response in kept]
            at_work.clear()
            return {"members": rewards, "truncated": [False] * len(rewards)}

        return score

    models = Models(load)

    def ask(number: int) -> list[bool]:
        found = []
        for turn in range(40):
            texts: list[Any] = [((("user", "q"),), str(number * 1000 + turn + k)) for k in range(3)]
            told = models.score((f"folder {turn % 3}",), texts)
            found.append(told["members"] == [[float(response)] for _, response in texts])
        return found

    results = at_once(*[lambda number=number: ask(number) for number in range(8)])
    assert all(all(found) for found in results)
    assert threading.active_count() >= 1
