"""OpenAssistant: trees of messages, whole or one message to a record, with ranked replies."""

from collections.abc import Iterator, Sequence

from labeling.importing.lines.message_fields import Tell
from labeling.importing.reports import Wrong
from labeling.importing.sources.parts import (
    ROLES,
    Answer,
    key_of,
    number,
    objects_in,
    ranked,
    required,
    to_compare,
    without,
)
from labeling.importing.sources.source import Data, Row, Source, columns

# Of a message, what is in the conversation already.
SAID = ("text", "role", "replies", "parent_id", "deleted", "model_name")
MEANING = "every two ranked replies to one message are a preference for the one with the lower rank"


def _tree(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    (data,) = records
    about = without(data, "prompt")
    for row in _rows_of(data["prompt"], tell):
        yield row | {"metadata": {**about, **row.get("metadata", {})}}


def _rows_of(root: Data, tell: Tell) -> Iterator[Row]:
    """Of each message of a person, the replies of the assistant."""
    waiting: list[tuple[list[Data], Data]] = [([], root)]
    while waiting:
        path, node = waiting.pop()
        if node.get("deleted") is True:
            tell("deleted messages, left out with what follows them")
            continue
        message = {"role": _role(node), "content": required(node, "text", "prompt")}
        replies = objects_in(node.get("replies") or [], "replies")
        here = [*path, message]
        if message["role"] == "user":
            standing = [one for one in replies if not one.get("deleted")]
            yield from _replies(here, standing, without(node, *SAID), tell)
        waiting += [(here, reply) for reply in reversed(replies)]


def _role(node: Data) -> str:
    role = ROLES.get(node.get("role", "")) if isinstance(node.get("role"), str) else None
    if role not in ("user", "assistant"):
        raise Wrong("role", f"{node.get('role')!r:.60} is neither prompter nor assistant.")
    return role


def _replies(path: list[Data], replies: list[Data], about: Data, tell: Tell) -> Iterator[Row]:
    answers = []
    for reply in replies:
        if _role(reply) != "assistant":
            continue
        rank = reply.get("rank")
        place = None if rank is None else number(rank, "rank")
        text, model = required(reply, "text", "replies"), reply.get("model_name")
        answers.append(Answer(text, model, place, without(reply, *SAID)))
    if answers:
        yield from ranked(path, answers, tell, metadata=about)
    elif len(path) == 1:
        yield to_compare(path, [], metadata=about)


def _flat(records: Sequence[Data], tell: Tell) -> Iterator[Row]:
    """The tree that messages of one message_tree_id make."""
    nodes: dict[str, Data] = {
        key_of(data["message_id"]): {**data, "replies": []} for data in records
    }
    roots = []
    for node in nodes.values():
        parent = node.get("parent_id")
        if parent is None:
            roots.append(node)
        elif key_of(parent) in nodes:
            nodes[key_of(parent)]["replies"].append(node)
        else:
            tell("messages whose parent is not in the file, left out")
    for root in roots:
        yield from _rows_of(root, tell)


SOURCES = (
    Source(
        name="OpenAssistant trees",
        meaning=MEANING,
        needs=columns("message_tree_id prompt"),
        uses=columns("tree_state"),
        fits=lambda data: isinstance(data["prompt"], dict) and "text" in data["prompt"],
        rows=_tree,
        keeps=columns("message_tree_id tree_state"),
        others=lambda _: {},
    ),
    Source(
        name="OpenAssistant messages",
        meaning=MEANING,
        needs=columns("message_id message_tree_id text role"),
        uses=columns("parent_id rank deleted model_name"),
        rows=_flat,
        keeps=columns("message_id message_tree_id rank"),
        group=lambda data: str(data["message_tree_id"]),
    ),
)
