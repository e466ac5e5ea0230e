"""Rows are looked up by a column's values, at a cost that does not grow with the table."""

import pytest
from django.db import connection

from labeling.database.looking_up import rows_where_in
from labeling.models import Prompt
from labeling.texts.sameness import near_digest
from tests.factories import make_project, make_prompt
from tests.sqlite_steps import steps_of

pytestmark = pytest.mark.django_db


def messages(number: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"Question {number}?"}]


def test_rows_are_found_by_value_in_their_own_project() -> None:
    project, other = make_project(), make_project()
    first, second = (make_prompt(project, messages=messages(number)) for number in (1, 2))
    make_prompt(other, messages=messages(1))
    wanted = [first.digest, first.digest, second.digest, "unknown"]
    rows = rows_where_in(Prompt, ("id", "digest"), "digest", wanted, project_id=project.pk)
    assert sorted(rows) == [(first.pk, first.digest), (second.pk, second.digest)]
    assert len(list(rows_where_in(Prompt, ("id",), "digest", wanted))) == 3
    assert list(rows_where_in(Prompt, ("id",), "digest", [])) == []


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="counts SQLite's instructions")
@pytest.mark.parametrize("name", ["digest", "near_digest"])
@pytest.mark.parametrize("before", [20, 500, 2000])
def test_a_look_up_reads_no_more_of_a_table_that_has_grown(name: str, before: int) -> None:
    project = make_project()

    def add(first: int, count: int) -> None:
        Prompt.objects.bulk_create(
            Prompt(
                project=project, messages=messages(number), digest=f"{number:064x}",
                near_digest=near_digest(messages(number)), split="train",
            )
            for number in range(first, first + count)
        )  # fmt: skip

    def look_up() -> None:
        values = list(Prompt.objects.order_by("id").values_list(name, flat=True)[:500])
        used.append(
            steps_of(
                lambda: list(
                    rows_where_in(
                        Prompt, ("id", name, "split"), name, values, project_id=project.pk
                    )
                )
            )
        )

    used: list[int] = []
    add(0, before)
    with connection.cursor() as cursor:  # the planner takes the table to be as large as now
        cursor.execute("ANALYZE")
    add(10_000, 500)
    look_up()
    add(20_000, 10_000)
    look_up()
    assert used[1] < 1.2 * used[0]
