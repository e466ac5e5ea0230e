"""What no view has to think of: encodings, NUL, and a parameter that means two things."""

from typing import Any

import pytest
from django.test import Client

from labeling.models import Role
from tests.factories import make_member, make_project

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def page(client: Client) -> str:
    project = make_project(slug="ours")
    client.force_login(make_member(project, Role.CURATOR))
    return "/projects/ours/preferences/"


def words(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.content.decode()


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf8"', "us-ascii", "ascii"])
def test_utf8_has_several_names(client: Client, page: str, charset: str) -> None:
    answer = client.generic("GET", page, b"", f"text/plain; charset={charset}")
    assert answer.status_code == 200


@pytest.mark.parametrize("charset", ["base64", "utf-16", "latin-1", "rot13", "zip", "nonsense"])
@pytest.mark.parametrize("method", ["get", "post", "put"])
def test_another_encoding_is_refused_whatever_is_asked(
    client: Client, page: str, method: str, charset: str
) -> None:
    answer = client.generic(method.upper(), page, b"a=b", f"{FORM}; charset={charset}")
    assert words(answer) == (415, "The charset of a request must be UTF-8.")


@pytest.mark.parametrize("body", ["name=a%00b", "a%00b=x", "a=x&name=ok&name=%00"])
def test_a_form_with_nul_is_refused_and_reaches_no_view(
    client: Client, page: str, body: str
) -> None:
    answer = client.post("/projects/ours/people/weigh/", body, content_type=FORM)
    assert words(answer) == (400, "A text of this request holds a NUL character: leave it out.")


@pytest.mark.parametrize("query", ["split=dev&split=test", "q=a&split=dev&q=b", "q=&q=a"])
def test_a_parameter_with_two_meanings_is_named(client: Client, page: str, query: str) -> None:
    status, text = words(client.get(f"{page}?{query}"))
    assert status == 400
    assert text.startswith("“q”" if "q=" in query else "“split”")


def test_the_same_twice_is_one_meaning(client: Client, page: str) -> None:
    assert client.get(f"{page}?split=dev&split=dev").status_code == 200


def test_a_name_of_any_length_is_not_repeated_whole(client: Client, page: str) -> None:
    name = "x" * 5000
    _status, text = words(client.get(f"{page}?{name}=1&{name}=2"))
    assert len(text) < 200


def test_a_browser_reads_the_refusal_as_a_page(client: Client, page: str) -> None:
    answer = client.get(f"{page}?q=a&q=b", headers={"accept": "text/html"})
    assert answer.status_code == 400
    assert "<title>" in answer.content.decode()
    assert "“q” stands in this address more than once" in answer.content.decode()


def test_a_parameter_in_signs_is_shown_as_signs(client: Client, page: str) -> None:
    query = "%3Cscript%3Ealert(1)%3C/script%3E"
    answer = client.get(f"{page}?{query}=1&{query}=2", headers={"accept": "text/html"})
    assert "<script>alert" not in answer.content.decode()
