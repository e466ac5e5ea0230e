"""An export comes back as it was, in each style, or the import says what it lacks."""

import io
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeling.importing import ImportOptions, ImportReport, import_file
from labeling.importing.lines.checking import ALWAYS, TRIPLE
from labeling.importing.lines.opinions import EXPORTED
from labeling.importing.lines.own_exports import CHANGED, SETTLED
from labeling.models import Judgment, Preference, Project, Prompt
from labeling.preferences.exporting import ExportOptions, preference_rows
from labeling.preferences.shapes.files import json_lines
from labeling.texts.sameness import as_words, words_in
from tests.factories import (
    claim_and_judge,
    judge_for,
    make_comparison,
    make_member,
    make_project,
    make_prompt,
)

pytestmark = pytest.mark.django_db

SYSTEM = {"role": "system", "content": "You are a lighthouse keeper."}
USER = {"role": "user", "content": "How was the night?"}
# The styles that hold all that an import can take over.
STYLES = ("messages", "text", "trl")
# What an import never takes over: it is of this project, and imported.
OF_A_PROJECT = ("id", "provenance", "arm", "round", "settled_at")


def take(project: Project, *rows: dict[str, Any], **options: Any) -> ImportReport:
    content = "\n".join(json.dumps(row) for row in rows).encode()
    return import_file(
        project, None, io.BytesIO(content), name="rows", options=ImportOptions(**options)
    )


def exported(project: Project, style: str = "messages") -> list[dict[str, Any]]:
    wanted = ExportOptions(
        style=style, include_ties=True, include_both_bad=True, include_excluded=True
    )
    return [json.loads(line) for line in json_lines(preference_rows(project, wanted))]


def comparable(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what belongs to a project, and with the two of an undirected pair in one order."""
    plain = []
    for row in rows:
        row = {name: value for name, value in row.items() if name not in OF_A_PROJECT}
        if row["kind"] != "prefer" and json.dumps(row["chosen"]) > json.dumps(row["rejected"]):
            row = _turned(row)
        row["target"] = round(row["target"], 9)
        row["fingerprint"] = row["fingerprint"] if row["kind"] == "prefer" else ""
        plain.append(row)
    return sorted(plain, key=json.dumps)


def test_the_importer_knows_every_column_of_an_export_and_of_exports_none_else() -> None:
    project = make_project()
    make_comparison(project)
    claim_and_judge(make_member(project), project)
    (row,) = exported(project)
    assert row.keys() <= ALWAYS | TRIPLE | EXPORTED
    # What earlier exports called the vote share, and two columns of the style `full`.
    assert EXPORTED - row.keys() == {"agreement", "ids", "votes"}


def _turned(row: dict[str, Any]) -> dict[str, Any]:
    other = {"chosen": "rejected", "rejected": "chosen"}
    names = {
        name: name.replace(side, other[side]) for side in other for name in row if side in name
    }
    return {names.get(name, name): value for name, value in row.items()} | {
        "target": 1 - row["target"]
    }


@pytest.mark.parametrize("style", STYLES)
def test_an_exclusion_tags_votes_and_the_split_come_back(style: str) -> None:
    project = make_project()
    rows: list[dict[str, Any]] = [
        {"prompt": [SYSTEM, USER], "chosen": "Calm.", "rejected": "Loud.", "tags": ["sea", "a,b"]},
        {"prompt": "Odd one", "chosen": "x", "rejected": "y", "excluded": True},
        *[{"prompt": "Vote", "chosen": a, "rejected": b} for a, b in ("xy", "yx", "xy")],
    ]
    take(project, *rows)
    Preference.objects.filter(excluded=True).update(excluded_reason="Told twice.")
    Prompt.objects.filter(messages__0__content="Vote").update(split="dev")
    Preference.objects.filter(prompt__split="dev").update(split="dev")
    before = exported(project, style)
    report = take(again := make_project(), *before)
    assert not [notice for notice in report.notices if notice.startswith((CHANGED, SETTLED))]
    assert comparable(exported(again, style)) == comparable(before)
    odd = again.preferences.get(excluded=True)
    assert (odd.excluded_reason, again.prompts.get(split="dev").last_message) == (
        "Told twice.",
        "Vote",
    )
    assert exported(again)[0]["tags"] == 'sea,"a,b"'


def test_a_system_message_of_a_text_is_one_again_also_without_a_fingerprint() -> None:
    take(one := make_project(), {"prompt": [SYSTEM, USER], "chosen": "a", "rejected": "b"})
    text = {name: exported(one, "text")[0][name] for name in ("prompt", "chosen", "rejected")}
    assert text["prompt"].startswith("System: You are")
    take(other := make_project(), text)
    assert other.prompts.get().messages == [SYSTEM, USER]
    assert other.prompts.get().split == one.prompts.get().split


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": "Human: quoted?\n\nAssistant:"}],
        [USER, USER],
        [{"role": "user", "content": "  indented\n"}, {"role": "assistant", "content": ""}, USER],
    ],
)
def test_a_prompt_that_only_its_fingerprint_tells_apart_comes_back(messages: Any) -> None:
    take(one := make_project(), {"prompt": messages, "chosen": "a", "rejected": "b"})
    report = take(other := make_project(), *exported(one, "text"))
    assert [m | {"content": m["content"].rstrip()} for m in other.prompts.get().messages] == [
        m | {"content": m["content"].rstrip()} for m in messages
    ]
    assert not any(notice.startswith(CHANGED) for notice in report.notices)


def test_what_a_text_cannot_carry_is_said_once_with_its_count() -> None:
    odd = [
        {"role": "user", "content": "One\n\nAssistant: two"},
        SYSTEM | {"role": "assistant"},
        USER,
    ]
    rows = [{"prompt": odd, "chosen": f"a{n}", "rejected": "b"} for n in range(3)]
    take(one := make_project(), *rows)
    report = take(make_project(), *exported(one, "text"))
    assert [notice for notice in report.notices if notice.startswith(CHANGED)] == [
        f"{CHANGED}: 3 (lines 1, 2, 3)"
    ]


def test_how_people_settled_it_is_said_not_to_come_along() -> None:
    project = make_project()
    make_comparison(project, round_number=2)
    claim_and_judge(make_member(project), project)
    report = take(again := make_project(), *exported(project))
    assert f"{SETTLED}: 1 (line 1)" in report.notices
    assert (again.preferences.get().vote_share, again.preferences.get().votes_chosen) == (1.0, 1)


def test_an_older_export_is_read_as_what_it_was() -> None:
    """It called the vote share `agreement`; beside the new name the old one says nothing."""
    project = make_project(overlap=3)
    make_comparison(project)
    for text in ("Good.", "Good.", "Bad."):
        judge_for(make_member(project), project, text)
    (line,) = exported(project)
    assert "agreement" not in line and line["vote_share"] == pytest.approx(2 / 3)
    older = {("agreement" if name == "vote_share" else name): value for name, value in line.items()}
    for lines in ([older], [line], [line | {"agreement": 0.0}]):
        report = take(again := make_project(), *lines)
        assert report.notices == [f"{SETTLED}: 1 (line 1)"]
        assert comparable(exported(again)) == comparable([line])


def test_a_split_that_is_taken_already_stays_and_is_counted() -> None:
    take(one := make_project(), {"prompt": "Why?", "chosen": "a", "rejected": "b"})
    make_prompt(other := make_project(), "Why?")
    lines = exported(one)
    elsewhere = next(name for name in ("dev", "test") if name != lines[0]["split"])
    lines[0]["split"] = elsewhere
    assert take(other, *lines, dry_run=True).other_split == 1
    assert take(other, *lines).other_split == 1
    assert other.preferences.get().split == other.prompts.get().split != elsewhere


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=4))
def test_words_are_read_as_they_were_written(words: list[str]) -> None:
    words = [word.strip().replace("\r", "") or "x" for word in words]
    assert words_in(as_words(words)) == words


SPEECH = ["Human: x", "System: y\n\nHuman: z\n\nAssistant:", "\n\nAssistant: w", "Human:\n\n"]
TEXT = st.text(st.sampled_from("ab \n:é"), max_size=8) | st.sampled_from(SPEECH)
MESSAGE = st.builds(
    lambda role, content: {"role": role, "content": content},
    st.sampled_from(["system", "user", "assistant"]),
    TEXT,
)
PROMPT = st.builds(
    lambda early, last: [*early, {"role": "user", "content": f"{last}?"}],
    st.lists(MESSAGE, max_size=3),
    TEXT,
)
SETTLED_ROW = st.fixed_dictionaries(
    {"kind": st.sampled_from(["prefer", "tie", "both_bad"])},
    optional={
        "weight": st.sampled_from([0.25, 1.0]),
        "excluded": st.booleans(),
        "tags": st.lists(st.sampled_from(["a", 'b "c"', "d, e"]), unique=True, max_size=2),
        "chosen_model": st.sampled_from(["m", "n"]),
    },
)
ROW = st.builds(
    lambda prompt, chosen, rejected, more: {
        "prompt": prompt, "chosen": chosen, "rejected": rejected, **more
    },
    PROMPT, TEXT, TEXT, SETTLED_ROW,
)  # fmt: skip
PEOPLE = st.lists(st.sampled_from(["left", "right", "tie", "both_bad"]), max_size=3)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=st.lists(ROW, min_size=1, max_size=5), choices=PEOPLE, style=st.sampled_from([*STYLES]))
def test_a_generated_project_comes_back_or_it_is_said_what_it_lacks(
    rows: list[Any], choices: list[str], style: str
) -> None:
    project = make_project(overlap=max(1, len(choices)), allow_both_bad=True)
    take(project, *rows)
    if choices:
        make_comparison(project, ("Left one.", "Right one."))
        for choice in choices:
            claim_and_judge(make_member(project), project, choice)
    again, report = make_project(), ImportReport()
    if before := exported(project, style):
        report = take(again, *before)
    if any(notice.startswith(CHANGED) for notice in report.notices):
        assert style == "text"
        return
    assert report.contradictory == report.other_split == report.preferences_merged == 0
    assert comparable(exported(again, style)) == comparable(before)


def of_judgments(project: Project) -> list[dict[str, Any]]:
    """What an export of judgments says, without what belongs to a project."""
    rows = exported(project, "judgments")
    apart = {"id", "judgment", "arm", "round", "settled_at"}
    plain = [{name: value for name, value in row.items() if name not in apart} for row in rows]
    return sorted(plain, key=json.dumps)


def test_an_export_of_judgments_comes_back_as_the_same_judgments() -> None:
    project = make_project(scale="strength", overlap=2, random_share=0)
    for _ in range(3):
        make_comparison(project)
    ada, ben = make_member(project, name="ada"), make_member(project, name="ben")
    for person, texts in ((ada, ("Good.", "Good.", "Bad.")), (ben, ("Good.", "Bad.", "Bad."))):
        for text in texts:
            judge_for(person, project, text, strength=2)
    Judgment.objects.filter(labeler=ada).update(seconds=7.5)
    before = of_judgments(project)
    assert len(before) == 6
    again = make_project()
    report = take(again, *exported(project, "judgments"))
    assert (report.labelers_new, report.judgments_new, report.preferences_new) == (2, 6, 3)
    assert of_judgments(again) == before
    assert take(again, *exported(project, "judgments")).judgments_new == 0


def test_a_pseudonym_of_an_export_stays_the_same_when_it_comes_back() -> None:
    project, again = make_project(), make_project()
    make_comparison(project)
    claim_and_judge(make_member(project), project)
    take(again, *exported(project, "judgments"))
    take(third := make_project(), *exported(again, "judgments"))
    names = {row["annotator"] for one in (project, again, third) for row in of_judgments(one)}
    assert len(names) == 1


def test_an_export_with_names_comes_back_with_names() -> None:
    project, again = make_project(), make_project()
    make_comparison(project)
    claim_and_judge(make_member(project, name="ada"), project)
    wanted = ExportOptions(style="judgments", with_names=True)
    take(again, *(json.loads(line) for line in json_lines(preference_rows(project, wanted))))
    assert str(Judgment.objects.get(project=again).labeler) == "ada"
