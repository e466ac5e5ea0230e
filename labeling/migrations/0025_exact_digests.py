"""Digests by the exact rule: texts are the same but for Unicode form and white space at their end.

Until now all white space was collapsed first. The new rule is finer, so no two rows of a prompt or
of a project get one digest. Splits stay as they are: a prompt never moves.

Rows are done in batches, each in a transaction of its own, by id; done again, it changes nothing.
"""

import hashlib
import re
import unicodedata
from typing import Any

from django.db import migrations, transaction

BATCH = 500
# As in labeling/texts/sameness.py when this was written.
LONG_RUN = re.compile(rb"[^\x00]{32,}")
SPLIT_MARKS = {0x0F73: "\u0f71\u0f72", 0x0F75: "\u0f71\u0f74", 0x0F81: "\u0f71\u0f80"}
SEPARATORS = {0x1B: "\x1b\x1b", 0x1D: "\x1bd", 0x1E: "\x1be", 0x1F: "\x1bf"}


def nfc(text: str) -> str:
    if text.isascii():
        return text
    text = text.translate(SPLIT_MARKS)
    classes = bytes(map(unicodedata.combining, text))
    pieces, end = [], 0
    for run in LONG_RUN.finditer(classes):
        marks = text[slice(*run.span())]
        pieces += [text[end : run.start()], *sorted(marks, key=unicodedata.combining)]
        end = run.end()
    return unicodedata.normalize("NFC", "".join([*pieces, text[end:]]))


def exact(text: str) -> str:
    return nfc(text).rstrip().translate(SEPARATORS)


def loosened(text: str) -> str:
    return " ".join(nfc(nfc(text).casefold()).split())


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def of_messages(messages: Any, form: Any) -> str:
    parts = [f"{message['role']}\x1f{form(message['content'])}" for message in messages]
    return sha256("\x1e".join(parts))


def write_digests(apps: Any, schema_editor: Any) -> None:
    Prompt = apps.get_model("labeling", "Prompt")
    Response = apps.get_model("labeling", "Response")
    _rewrite(
        schema_editor,
        Prompt,
        "messages",
        {"digest": lambda it: of_messages(it, exact), "near_digest": lambda it: of_messages(it, loosened)},
    )
    _rewrite(schema_editor, Response, "text", {"digest": lambda it: sha256(exact(it))})


def _rewrite(schema_editor: Any, model: Any, source: str, columns: dict[str, Any]) -> None:
    connection = schema_editor.connection
    alias, quote = connection.alias, connection.ops.quote_name
    settings = ", ".join(f"{quote(column)} = %s" for column in columns)
    statement = f"UPDATE {quote(model._meta.db_table)} SET {settings} WHERE id = %s"
    after = 0
    rows = model.objects.using(alias).order_by("pk").values_list("pk", source, *columns)
    while page := list(rows.filter(pk__gt=after)[:BATCH]):
        changed = []
        for pk, value, *before in page:
            try:
                now = [digest(value) for digest in columns.values()]
            except (KeyError, TypeError, AttributeError):
                continue  # a damaged row keeps what it has: nothing can be the same as it
            if now != before:
                changed.append([*now, pk])
        if changed:
            with transaction.atomic(using=alias), connection.cursor() as cursor:
                cursor.executemany(statement, changed)
        after = page[-1][0]


class Migration(migrations.Migration):
    # A transaction over a large table would keep everybody waiting to its end.
    atomic = False

    dependencies = [("labeling", "0024_near_digest")]

    operations = [
        # Backwards nothing is lost either: the older code would store repeated rows once more.
        migrations.RunPython(write_digests, migrations.RunPython.noop),
    ]
