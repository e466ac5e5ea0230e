"""What a database is made of, as the engine itself says it: a definition for each name."""

from typing import Any

from django.db import connection


def schema() -> dict[str, str]:
    """Columns, constraints, indexes, sequences, triggers, functions, views and extensions."""
    parts = sqlite_parts() if connection.vendor == "sqlite" else postgres_parts()
    names = [name for name, _definition in parts]
    assert len(set(names)) == len(names), "a name that two have would hide one of them"
    return dict(parts)


def differences(expected: dict[str, str], actual: dict[str, str]) -> list[str]:
    """One line for each part that only one of the two has, or has otherwise."""
    return [
        f"{name}: {expected.get(name, 'nothing')} | {actual.get(name, 'nothing')}"
        for name in sorted(expected.keys() | actual.keys())
        if expected.get(name) != actual.get(name)
    ]


def row_counts() -> dict[str, int]:
    """How many rows each table has; which migrations were applied is another question."""
    names = connection.introspection.table_names()
    return {name: count(name) for name in names if name != "django_migrations"}


def count(table: str) -> int:
    [(rows,)] = fetch(f"SELECT COUNT(*) FROM {connection.ops.quote_name(table)}")
    return rows


def fetch(query: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def sqlite_parts() -> list[tuple[str, str]]:
    """SQLite keeps the statements that made its tables: a column's says its type, whether it may be
    empty, its default, its check and what it points to."""
    parts = []
    for kind, name, statement in fetch("SELECT type, name, sql FROM sqlite_master"):
        if kind == "table" and not name.startswith("sqlite_"):
            for words in map(str.split, pieces_of(statement)):
                parts.append((f"{name} {words[0]} {words[1]}", " ".join(words)))
        elif statement:  # SQLite's own indexes behind UNIQUE have none
            parts.append((f"{kind} {name}", " ".join(statement.split())))
    return parts


def pieces_of(statement: str) -> list[str]:
    """What stands between the outer brackets, cut at its commas."""
    inner = statement[statement.index("(") + 1 : statement.rindex(")")]
    pieces, depth, is_quoted = [""], 0, False
    for letter in inner:
        is_quoted ^= letter == "'"
        if not is_quoted:
            depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0 and not is_quoted:
            pieces.append("")
        else:
            pieces[-1] += letter
    return pieces


def postgres_parts() -> list[tuple[str, str]]:
    return [row for query in POSTGRES for row in fetch(query)]


POSTGRES = (
    """
    SELECT c.relname || ' ' || a.attname,
           concat_ws(' ', format_type(a.atttypid, a.atttypmod),
                     CASE WHEN a.attnotnull THEN 'NOT NULL' END,
                     'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid),
                     'IDENTITY ' || nullif(a.attidentity::text, ''),
                     'COLLATE ' || nullif(a.attcollation, 0)::regcollation::text)
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
      AND a.attnum > 0 AND NOT a.attisdropped
    """,
    """
    SELECT 'constraint ' || conrelid::regclass::text || ' ' || conname,
           pg_get_constraintdef(oid) || CASE WHEN convalidated THEN '' ELSE ' NOT VALID' END
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 't'
    """,
    "SELECT 'index ' || indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    """
    SELECT 'sequence ' || s.sequencename,
           concat_ws(' ', s.data_type, s.start_value, s.min_value, s.max_value, s.increment_by,
                     s.cycle, 'of', d.refobjid::regclass::text, a.attname)
    FROM pg_sequences s
    LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.refobjsubid > 0
                         AND d.objid = format('%I.%I', s.schemaname, s.sequencename)::regclass
    LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE s.schemaname = 'public'
    """,
    """
    SELECT 'trigger ' || tgrelid::regclass::text || ' ' || tgname, pg_get_triggerdef(oid)
    FROM pg_trigger WHERE NOT tgisinternal
    """,
    """
    SELECT 'function ' || proname, pg_get_functiondef(oid)
    FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
    """,
    "SELECT 'view ' || viewname, definition FROM pg_views WHERE schemaname = 'public'",
    "SELECT 'extension ' || extname, extversion FROM pg_extension",
)
