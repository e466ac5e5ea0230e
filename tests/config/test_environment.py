"""What operators set: read strictly, refused by its name in one line; empty is as good as unset."""

import os
import re
from ipaddress import ip_network
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from config import environment

NAME = "PREFERABLE_TEST_SETTING"
SHARED = (*environment.SHARED_SITE, "HTTPS", "REDIS_URL", "HOST")


def refused(words: str) -> "pytest.RaisesExc[ImproperlyConfigured]":
    return pytest.raises(ImproperlyConfigured, match=re.escape(words))


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nothing says that other machines take part."""
    for name in SHARED:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


# Flags, numbers, words


@pytest.mark.parametrize("text", ["1", "true", "YES", " on "])
def test_a_flag_is_on_in_several_spellings(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(NAME, text)
    assert environment.flag(NAME, default=False)


@pytest.mark.parametrize("text", ["0", "False", "no", "OFF "])
def test_a_flag_is_off_in_several_spellings(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(NAME, text)
    assert not environment.flag(NAME, default=True)


@pytest.mark.parametrize("default", [True, False])
@pytest.mark.parametrize("text", [None, "", "  "])
def test_a_flag_that_is_empty_is_as_if_it_were_not_set(
    monkeypatch: pytest.MonkeyPatch, text: str | None, default: bool
) -> None:
    monkeypatch.delenv(NAME, raising=False)
    if text is not None:
        monkeypatch.setenv(NAME, text)
    assert environment.flag(NAME, default=default) is default


@pytest.mark.parametrize("text", ["2", "ja", "truee", "-1"])
def test_a_flag_that_says_neither_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(NAME, text)
    with refused(f"{NAME}='{text}' is neither true nor false: use 1 or 0"):
        environment.flag(NAME, default=False)


@pytest.mark.parametrize(("text", "value"), [("", 7), ("3", 3), ("2.5", 2.5), (" 4 ", 4)])
def test_a_number_is_read_or_left_at_its_default(
    monkeypatch: pytest.MonkeyPatch, text: str, value: float
) -> None:
    monkeypatch.setenv(NAME, text)
    assert environment.number(NAME, default=7) == value


@pytest.mark.parametrize("text", ["ten", "1,5", "nan", "inf", "-Infinity", "1e999"])
def test_what_is_no_number_is_refused_also_where_python_reads_one(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(NAME, text)
    with refused(f"{NAME}='{text}' is not a number"):
        environment.number(NAME, default=7)


@pytest.mark.parametrize("text", ["0", "-0.5"])
def test_a_number_that_must_be_above_another_is(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(NAME, text)
    with refused(f"{NAME}='{text}' is too small: it must be above 0"):
        environment.number(NAME, default=7, above=0)
    monkeypatch.setenv(NAME, "0.001")
    assert environment.number(NAME, default=7, above=0) == 0.001


@pytest.mark.parametrize("text", ["1", "9", "9.0"])
def test_a_whole_number_may_lie_on_either_limit(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(NAME, text)
    value = environment.whole_number(NAME, default=5, lowest=1, highest=9)
    assert (value, type(value)) == (int(float(text)), int)


@pytest.mark.parametrize("text", ["0", "10", "5.5", "-1"])
def test_a_whole_number_beyond_its_limits_is_refused(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(NAME, text)
    with refused(f"{NAME}='{text}' is not a whole number from 1 to 9"):
        environment.whole_number(NAME, default=5, lowest=1, highest=9)


@pytest.mark.parametrize("text", ["a.org,b.org", "a.org b.org", " a.org ,, b.org, "])
def test_words_stand_with_commas_or_spaces_between_them(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(NAME, text)
    assert environment.words(NAME, default="x") == ["a.org", "b.org"]


def test_networks_are_addresses_and_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "10.0.0.5, 192.168.0.0/16 ::1")
    expected = ["10.0.0.5/32", "192.168.0.0/16", "::1/128"]
    assert environment.networks(NAME) == [ip_network(text) for text in expected]
    monkeypatch.setenv(NAME, "")
    assert environment.networks(NAME) == []


@pytest.mark.parametrize("text", ["proxy.local", "10.0.0.0/33", "10.0.0.5/8"])
def test_a_network_that_is_none_is_refused_with_an_example(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(NAME, text)
    with refused("write addresses or networks, as 10.0.0.5 or 10.0.0.0/8") as refusal:
        environment.networks(NAME)
    assert str(refusal.value).startswith(f"{NAME}: ")


def test_folders_are_absolute_and_written_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv(NAME, f"/srv/a/../models/{os.pathsep}{os.pathsep}~/models")
    assert environment.folders(NAME) == [Path("/srv/models"), Path("/home/ada/models")]


def test_a_folder_below_nobody_knows_where_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, f"/srv{os.pathsep}models")
    with refused(f"{NAME}: models is no absolute path of a folder"):
        environment.folders(NAME)


# Who can reach this server


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_a_server_that_listens_to_this_machine_alone_is_private(
    alone: pytest.MonkeyPatch, host: str
) -> None:
    assert environment.is_private(host)
    alone.setenv("HOST", host)
    assert environment.is_one_machine()


@pytest.mark.parametrize("name", [*environment.SHARED_SITE, "HTTPS"])
def test_a_setting_for_a_proxy_makes_a_server_public(alone: pytest.MonkeyPatch, name: str) -> None:
    alone.setenv(name, "1")
    assert not environment.is_private("127.0.0.1")
    assert not environment.is_one_machine()


@pytest.mark.parametrize("name", SHARED)
def test_a_setting_that_says_no_says_nothing(alone: pytest.MonkeyPatch, name: str) -> None:
    alone.setenv(name, "0" if name == "HTTPS" else "")
    assert environment.is_private("localhost")
    assert environment.is_one_machine()


def test_a_redis_elsewhere_is_another_machine_but_no_other_reader(
    alone: pytest.MonkeyPatch,
) -> None:
    alone.setenv("REDIS_URL", "redis://elsewhere")
    assert environment.is_private("localhost")
    assert not environment.is_one_machine()


# The file beside manage.py


def load(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    environment.load_env_file(path)


@pytest.fixture
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test's file sets is gone afterwards."""
    monkeypatch.setattr(os, "environ", os.environ.copy())


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A_B=1", "1"),
        ("  A_B = two words  ", "two words"),
        ("A_B='quoted'", "quoted"),
        ('A_B="quoted"', "quoted"),
        ("A_B=postgres://a:b@c/d?x=1", "postgres://a:b@c/d?x=1"),
        ("A_B=grün", "grün"),
        ("A_B=", ""),
    ],
)
@pytest.mark.usefixtures("own_environment")
def test_a_line_sets_what_stands_after_its_first_sign_of_equality(
    tmp_path: Path, line: str, value: str
) -> None:
    load(tmp_path / ".env", f"# a remark\n\n{line}\n")
    assert os.environ["A_B"] == value


@pytest.mark.usefixtures("own_environment")
def test_remarks_and_lines_without_a_value_set_nothing(tmp_path: Path) -> None:
    before = dict(os.environ)
    load(tmp_path / ".env", "#A_B=1\n  # C_D=2\nE_F\n")
    assert dict(os.environ) == before


@pytest.mark.usefixtures("own_environment")
def test_what_is_set_already_wins(tmp_path: Path) -> None:
    os.environ["A_B"] = ""
    load(tmp_path / ".env", "A_B=from-file\n")
    assert os.environ["A_B"] == ""


def test_no_file_is_no_trouble(tmp_path: Path) -> None:
    environment.load_env_file(tmp_path / "none")
    environment.load_env_file(tmp_path)


# Where things lie


def test_the_data_folder_is_made_with_those_above_it(tmp_path: Path) -> None:
    path = environment.data_dir(tmp_path / "a" / "b" / ".." / "c")
    assert path == (tmp_path / "a" / "c").resolve()
    assert path.is_dir()


def test_a_data_folder_that_is_a_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with refused("set DATA_DIR to a folder that can be written"):
        environment.data_dir(file)


@pytest.mark.parametrize("url", ["nonsense", "mongodb://a/b", "postgres://a:p4ssw0rd@b:port/c"])
def test_a_database_address_that_is_none_is_refused_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with refused("postgres://USER:PASSWORD@HOST:PORT/NAME") as refusal:
        environment.database(tmp_path)
    assert url not in str(refusal.value)
    assert "p4ssw0rd" not in str(refusal.value)


def test_without_an_address_the_database_is_a_file_in_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    config = environment.database(tmp_path)
    assert config["ENGINE"] == "django.db.backends.sqlite3"
    assert config["NAME"] == str(tmp_path / "preferable.sqlite3")


@given(st.text(st.sampled_from("abc/ü "), min_size=1, max_size=120))
def test_a_redis_socket_always_fits_its_limit_and_follows_from_the_folder(name: str) -> None:
    folder = Path("/srv") / name.strip("/")
    socket = environment.redis_socket(folder)
    assert len(os.fsencode(socket)) <= environment.SOCKET_PATH_BYTES
    assert socket == environment.redis_socket(folder)
    assert socket.name == "redis.sock"


def test_two_long_folders_have_two_sockets() -> None:
    long = Path("/srv") / ("x" * 120)
    assert environment.redis_socket(long / "a") != environment.redis_socket(long / "b")


def test_an_address_of_redis_survives_odd_signs_in_its_folder() -> None:
    assert environment.embedded_redis_url(Path("/srv/a b#c?d")) == (
        "redis+socket:///srv/a%20b%23c%3Fd/redis/redis.sock"
    )
