"""Exports: complete, resumable, without nulls, and as cheap per row at any size."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labeling.importing import import_file
from labeling.judging.recording import undo_last
from labeling.models import Preference
from labeling.preferences import raw_values
from labeling.preferences.exporting import ExportOptions, page_of, preference_rows
from labeling.preferences.judgment_rows import judgment_rows
from tests.factories import claim_and_judge, make_comparison, make_member, make_project

pytestmark = pytest.mark.django_db

CONVERSATION = [
    {"role": "user", "content": "Hi?"},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "And?"},
]


def make_preferences(project, count=5, **fields) -> list[Preference]:
    rows = [{"prompt": f"Q{n}?", "chosen": f"a{n}", "rejected": f"b{n}"} for n in range(count)]
    content = "\n".join(json.dumps(row) for row in rows).encode()
    import_file(project, None, io.BytesIO(content), name="made")
    Preference.objects.filter(project=project).update(**fields)
    return list(Preference.objects.filter(project=project).order_by("id"))


def export(project, **wanted) -> list[dict]:
    return [*preference_rows(project, ExportOptions(**wanted))]


def ids(project, **wanted) -> list[int]:
    return [row["id"] for row in export(project, **wanted)]


def test_a_preference_is_prompt_chosen_and_rejected_as_messages():
    project = make_project()
    make_preferences(project, 1)
    row = export(project)[0]
    assert row["prompt"] == [{"role": "user", "content": "Q0?"}]
    assert row["chosen"] == [{"role": "assistant", "content": "a0"}]
    assert row["rejected"] == [{"role": "assistant", "content": "b0"}]


def test_no_value_is_ever_null_and_every_column_keeps_its_type():
    project = make_project(scale="strength")
    make_preferences(project, 1)
    make_comparison(project, round_number=2)
    claim_and_judge(make_member(project), project, "left-2")
    imported, judged = export(project)
    assert {key: type(value) for key, value in imported.items()} == {
        key: type(value) for key, value in judged.items()
    }
    assert None not in imported.values()
    assert (imported["strength"], judged["strength"]) == (0.0, 2.0)
    assert (imported["judgments"], judged["judgments"]) == (0, 1)


def test_rewards_of_trl_are_not_changed_by_a_margin_column():
    """TRL's RewardTrainer subtracts a column of this name in its loss."""
    project = make_project()
    make_preferences(project, 1)
    assert "margin" not in export(project)[0]


def test_texts_are_strings_and_a_conversation_reads_as_a_dialogue():
    project = make_project()
    rows = [{"prompt": CONVERSATION, "chosen": "a", "rejected": "b"}]
    import_file(project, None, io.BytesIO(json.dumps(rows[0]).encode()), name="x")
    row = export(project, style="text")[0]
    assert row["prompt"] == "Human: Hi?\n\nAssistant: Hello.\n\nHuman: And?\n\nAssistant:"
    assert (row["chosen"], row["rejected"]) == ("a", "b")


@pytest.mark.parametrize("style", ["messages", "text"])
def test_an_export_can_be_imported_again(style):
    project, copy = make_project(), make_project()
    row = {"prompt": CONVERSATION, "chosen": "a", "rejected": "b"}
    for more in ({"strength": 2}, {"kind": "tie", "chosen": "c"}):
        import_file(project, None, io.BytesIO(json.dumps(row | more).encode()), name="x")
    make_preferences(project, 2)
    first = export(project, include_ties=True, style=style)
    content = "\n".join(json.dumps(row) for row in first).encode()
    import_file(copy, None, io.BytesIO(content), name="copy")
    for row, copied in zip(first, export(copy, include_ties=True, style=style), strict=True):
        for name in ("prompt", "kind", "target", "strength", "weight", "split"):
            assert copied[name] == row[name]


def test_ties_both_bad_and_exclusions_are_left_out_unless_asked_for():
    project = make_project()
    plain, tie, bad, excluded = make_preferences(project, 4)
    Preference.objects.filter(pk=tie.pk).update(kind="tie", target=0.5)
    Preference.objects.filter(pk=bad.pk).update(kind="both_bad")
    Preference.objects.filter(pk=excluded.pk).update(excluded=True, excluded_reason="spam")
    assert ids(project) == [plain.pk]
    assert ids(project, include_ties=True) == [plain.pk, tie.pk]
    assert ids(project, include_both_bad=True) == [plain.pk, bad.pk]
    assert ids(project, include_excluded=True) == [plain.pk, excluded.pk]


def test_unsettled_preferences_are_never_exported():
    project = make_project()
    make_preferences(project, 2, settled_at=None)
    assert ids(project) == []


def test_filters_narrow_by_split_provenance_weight_and_time():
    project = make_project()
    now = timezone.now()
    one, two, three = make_preferences(project, 3, split="train", settled_at=now)
    Preference.objects.filter(pk=one.pk).update(split="test", weight=0.25)
    Preference.objects.filter(pk=two.pk).update(provenance="unanimous")
    Preference.objects.filter(pk=three.pk).update(settled_at=now - timedelta(days=1))
    assert ids(project, splits=frozenset({"test", "dev"})) == [one.pk]
    assert ids(project, provenances=frozenset({"unanimous"})) == [two.pk]
    assert ids(project, min_weight=0.5) == [two.pk, three.pk]
    assert ids(project, settled_since=now) == [one.pk, two.pk]


def test_whoever_was_cut_off_goes_on_after_the_last_id():
    project = make_project()
    make_preferences(project, 7)
    whole = ids(project)
    assert whole[:3] + ids(project, after=whole[2]) == whole


def test_other_projects_stay_out():
    project, other = make_project(), make_project()
    make_preferences(other, 2)
    assert ids(project) == []


@pytest.mark.parametrize("count", [0, 2, 3, 4, 6, 7])
def test_pages_hold_every_row_once(monkeypatch, count):
    monkeypatch.setattr(raw_values, "PAGE_ROWS", 3)
    project = make_project()
    made = [preference.pk for preference in make_preferences(project, count)] if count else []
    assert ids(project) == made


def test_one_statement_per_page_and_one_page_for_the_first_row(monkeypatch):
    monkeypatch.setattr(raw_values, "PAGE_ROWS", 10)
    project = make_project()
    make_preferences(project, 35)
    with CaptureQueriesContext(connection) as first:
        next(preference_rows(project, ExportOptions()))
    with CaptureQueriesContext(connection) as whole:
        export(project)
    assert (len(first), len(whole)) == (1, 4)


def test_a_page_says_where_the_next_begins():
    rows = [{"id": number} for number in (3, 5, 8)]
    assert page_of(iter(rows), 2) == (rows[:2], 5)
    assert page_of(iter(rows), 3) == (rows, None)


def test_an_unknown_style_is_refused():
    with pytest.raises(ValueError, match="style must be one of messages, text"):
        ExportOptions(style="xml")


def test_judgments_come_with_what_was_shown(django_assert_num_queries):
    project = make_project()
    labeler = make_member(project, name="lena")
    for texts in (("a", "b"), ("c", "d")):
        make_comparison(project, texts)
        claim_and_judge(labeler, project, "right")
    with django_assert_num_queries(2):
        first, second = judgment_rows(project)
    assert {response["text"] for response in first["responses"]} == {"a", "b"}
    assert first["tiers"][0] == [first["responses"][1]["id"]]
    assert (second["labeler"], second["kind"], second["guidelines"]) == ("lena", "prefer", 1)


def test_undone_judgments_come_only_when_asked_for():
    project = make_project()
    labeler = make_member(project)
    make_comparison(project)
    claim_and_judge(labeler, project, "left")
    undo_last(labeler, project)
    assert [*judgment_rows(project)] == []
    assert len([*judgment_rows(project, include_superseded=True)]) == 1


def test_the_command_writes_what_the_api_streams(tmp_path, capsys):
    project = make_project()
    make_preferences(project, 3)
    path = tmp_path / "export.jsonl"
    call_command("export_preferences", project.slug, output=path)
    assert [json.loads(line) for line in path.read_text().splitlines()] == export(project)
    assert "3 preferences" in capsys.readouterr().err


def test_the_command_leaves_no_half_written_file(tmp_path, monkeypatch):
    project = make_project()
    make_preferences(project, 1)

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    command = "labeling.management.commands.export_preferences"
    monkeypatch.setattr(f"{command}.preference_rows", full_disk)
    with pytest.raises(CommandError, match="No space left"):
        call_command("export_preferences", project.slug, output=tmp_path / "export.jsonl.gz")
    assert list(tmp_path.iterdir()) == []
