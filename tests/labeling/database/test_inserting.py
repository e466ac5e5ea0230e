"""Many rows at once, whole rows out of hand-written SQL, and functions in two kinds of SQL."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.db.models import CharField
from django.utils import timezone

from labeling.database.inserting import insert_rows
from labeling.database.templates import TemplateFunc
from labeling.database.whole_rows import ModelColumns
from labeling.models import AuditEntry, Comparison, Project, Prompt
from tests.factories import make_comparison, make_project, make_prompt

pytestmark = pytest.mark.django_db

QUESTION = [{"role": "user", "content": "Why “this”? — 為什麼 😀"}]


@pytest.fixture
def project() -> Project:
    return make_project()


def row(project: Project, digest: str, **columns: Any) -> dict[str, Any]:
    shared = {"project_id": project.pk, "messages": QUESTION, "split": "train"}
    return {**shared, "digest": digest, **columns}


def test_a_row_has_what_was_given_and_the_models_defaults(project: Project) -> None:
    before = timezone.now()
    insert_rows(Prompt, [row(project, "a", tags=["x", "é"])])
    prompt = Prompt.objects.get()
    assert (prompt.messages, prompt.tags, prompt.extra, prompt.source) == (
        QUESTION, ["x", "é"], {}, "",
    )  # fmt: skip
    assert before <= prompt.created_at <= timezone.now()


def test_rows_share_no_default_that_could_change(project: Project) -> None:
    insert_rows(Prompt, [row(project, "a"), row(project, "b")])
    one, other = Prompt.objects.order_by("digest")
    one.tags.append("x")
    assert other.tags == []


def test_a_random_default_is_drawn_for_each_row(project: Project) -> None:
    prompt = make_prompt(project)
    shared = {"project_id": project.pk, "prompt_id": prompt.pk}
    insert_rows(Comparison, [{**shared, "responses_key": str(number)} for number in range(20)])
    keys = set(Comparison.objects.values_list("random_key", flat=True))
    assert len(keys) == 20


def test_a_row_that_is_there_already_is_left_as_it_was(project: Project) -> None:
    insert_rows(Prompt, [row(project, "a", source="first")])
    insert_rows(Prompt, [row(project, "a", source="second"), row(project, "b")])
    assert dict(Prompt.objects.values_list("digest", "source")) == {"a": "first", "b": ""}


def test_a_row_that_is_there_already_is_an_error_where_none_may_be(project: Project) -> None:
    insert_rows(Prompt, [row(project, "a")])
    with pytest.raises(IntegrityError), connection.cursor():
        insert_rows(Prompt, [row(project, "b"), row(project, "a")], or_fail=True)


def test_another_constraint_is_an_error_always(project: Project) -> None:
    with pytest.raises(IntegrityError):
        insert_rows(Prompt, [row(project, "a", split="no split")])


def test_no_rows_are_no_statement(project: Project) -> None:
    insert_rows(Prompt, [])
    assert not Prompt.objects.exists()


def test_moments_and_nothing_are_written_as_the_orm_reads_them(project: Project) -> None:
    prompt = make_prompt(project)
    at = datetime(2026, 1, 31, 10, 0, 0, 123_456, tzinfo=UTC)
    insert_rows(
        Comparison,
        [
            {"project_id": project.pk, "prompt_id": prompt.pk, "responses_key": "1",
             "state": "finished", "slots_left": 0, "finished_at": at},
            {"project_id": project.pk, "prompt_id": prompt.pk, "responses_key": "2"},
        ],
    )  # fmt: skip
    finished, fresh = Comparison.objects.order_by("responses_key")
    assert (finished.finished_at, fresh.finished_at, fresh.state) == (at, None, "open")


def test_a_name_that_is_no_column_is_left_out(project: Project) -> None:
    """`prompt`, not `prompt_id`, would be a mistake: the row then lacks what it needs."""
    with pytest.raises(IntegrityError):
        insert_rows(Comparison, [{"project_id": project.pk, "prompt": 1, "responses_key": "1"}])


def test_a_whole_row_is_read_as_the_orm_reads_it(project: Project) -> None:
    comparison = make_comparison(project)
    columns = ModelColumns(Comparison, "c")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns.sql} FROM labeling_comparison c")
        values = cursor.fetchone()
    assert len(columns) == len(values)
    read, stored = columns.instance(values), Comparison.objects.get(pk=comparison.pk)
    names = [field.attname for field in Comparison._meta.concrete_fields]
    assert [getattr(read, name) for name in names] == [getattr(stored, name) for name in names]
    assert not read._state.adding
    read.priority = 0.5
    read.save()
    assert Comparison.objects.get(pk=comparison.pk).priority == 0.5


class Engine(TemplateFunc):
    """Which of the two templates was taken."""

    output_field = CharField()
    sqlite = "substr('sqlite' || %(expressions)s, 1, 6)"
    postgresql = "left('postgresql' || %(expressions)s, 10)"


def test_each_database_has_its_own_template(project: Project) -> None:
    AuditEntry.objects.create(project=project, action="a", target_type="b", target_id="c")
    engine = AuditEntry.objects.values_list(Engine("action"), flat=True).get()
    assert engine == connection.vendor
