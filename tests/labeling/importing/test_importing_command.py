"""`manage.py import_data`: a report on success, a table of errors and exit code 1 otherwise."""

import gzip

import pytest
from django.core.management import CommandError, call_command

from labeling.models import Project, Prompt, User
from tests.factories import make_project, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def owner():
    """Whose new projects become."""
    return make_user("root", is_superuser=True)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "One?", "responses": ["a", "b", "c"]}\n')
    return path


def test_a_file_is_imported_and_reported(file, capsys):
    project = make_project()
    call_command("import_data", project.slug, file, pairs=3, source="here", tag=["x"])
    prompt = Prompt.objects.get()
    assert (prompt.project, prompt.source, prompt.tags) == (project, "here", ["x"])
    out = capsys.readouterr().out
    assert "3  comparisons queued" in out
    assert "1  new prompts" in out


def test_create_makes_the_project(file):
    call_command("import_data", "fresh", file, create=True)
    assert Project.objects.get().prompts.count() == 1


def test_without_create_an_unknown_project_is_an_error(file):
    make_project(slug="known")
    with pytest.raises(CommandError, match=r"no project “fresh” \(there are: known\)"):
        call_command("import_data", "fresh", file)


@pytest.mark.parametrize("slug", ["new", "With Spaces", "x" * 61, ""])
def test_a_project_is_not_made_under_an_impossible_address(file, slug):
    with pytest.raises(CommandError, match="cannot be an address"):
        call_command("import_data", slug, file, create=True)


def test_a_faulty_file_lists_its_errors_and_makes_no_project(tmp_path, capsys):
    path = tmp_path / "bad.jsonl"
    path.write_text('{"prompt": "One?"}\n{"promt": "Two?"}\n')
    with pytest.raises(CommandError, match="1 error found, and nothing was stored"):
        call_command("import_data", "fresh", path, create=True)
    table = capsys.readouterr().err.splitlines()
    assert table[0].split() == ["where", "field", "what", "was", "wrong"]
    assert table[1].split()[:3] == ["line", "2", "prompt"]
    assert not Project.objects.exists()


def test_a_dry_run_leaves_no_new_project(file, capsys):
    call_command("import_data", "fresh", file, create=True, dry_run=True)
    assert "Would be imported" in capsys.readouterr().out
    assert not Project.objects.exists()


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_data", make_project().slug, tmp_path / "no-such.jsonl")


def test_a_folder_of_files_is_imported_as_one(tmp_path, capsys):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.jsonl").write_text('{"prompt": "One?"}\n')
    (folder / "b.csv").write_text("prompt,chosen,rejected\nTwo?,a,b\n")
    project = make_project()
    call_command("import_data", project.slug, folder)
    assert project.prompts.count() == 2
    (folder / "c.csv").write_text("prompt,chosen,rejected\nThree?,a\n")
    with pytest.raises(CommandError):
        call_command("import_data", project.slug, folder)
    assert "row 1 of c.csv" in capsys.readouterr().err


def test_an_impossible_number_of_pairs_is_refused(file):
    with pytest.raises(CommandError, match="pairs must be from 0 to 36"):
        call_command("import_data", make_project().slug, file, pairs=99)


def test_rows_with_errors_are_skipped_and_listed_where_that_is_asked_for(tmp_path, capsys):
    path = tmp_path / "bad.jsonl"
    path.write_text('{"prompt": "One?"}\n{"promt": "Two?"}\n')
    project = make_project()
    with pytest.raises(CommandError):
        call_command("import_data", project.slug, path)
    assert "With --skip-bad" in capsys.readouterr().err
    call_command("import_data", project.slug, path, skip_bad=True, dry_run=True)
    assert "1  rows with errors, skipped" in capsys.readouterr().out
    call_command("import_data", project.slug, path, skip_bad=True)
    out, err = capsys.readouterr()
    assert "1  rows with errors, skipped" in out
    assert err.splitlines()[-1].split()[:3] == ["line", "2", "prompt"]
    assert project.prompts.count() == 1


def test_a_file_of_nothing_but_errors_is_refused_all_the_same(tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text('{"promt": "Two?"}\n')
    with pytest.raises(CommandError, match="all of its rows have errors"):
        call_command("import_data", make_project().slug, path, skip_bad=True)


def test_a_file_that_breaks_off_is_refused_all_the_same(tmp_path):
    path = tmp_path / "cut.jsonl.gz"
    rows = b"".join(b'{"prompt": "%d?"}\n' % number for number in range(5000))
    path.write_bytes(gzip.compress(rows)[:-2000])
    project = make_project()
    with pytest.raises(CommandError, match="1 error found"):
        call_command("import_data", project.slug, path, skip_bad=True)
    assert not project.prompts.exists()


def test_labelers_whom_the_file_names_can_be_numbered(tmp_path, capsys):
    path = tmp_path / "named.jsonl"
    path.write_text('{"prompt": "Q", "chosen": "a", "rejected": "b", "annotator": "ana"}\n')
    project = make_project()
    call_command("import_data", project.slug, path, number_labelers=True)
    assert "1  new outside labelers" in capsys.readouterr().out
    assert str(User.objects.get(outside_project=project)) == "annotator 1"
