"""Whatever is sent to whatever address: the answer is never an error of ours."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.render_every_page import make_rows, named_addresses, value_for

pytestmark = pytest.mark.django_db

METHODS = ("OPTIONS", "HEAD", "GET", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "POST")
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
DEEP = 100_000
BODIES: dict[str, tuple[str, bytes]] = {
    "lists in lists": (JSON, b"[" * DEEP + b"]" * DEEP),
    "objects in objects": (JSON, b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "lists without an end": (JSON, b"[" * DEEP),
    "some levels": (JSON, b'{"texts":' * 300 + b"1" + b"}" * 300),
    "nested where texts are asked for": (
        JSON,
        b'{"texts": [{"prompt": [[[{}]]], "response": {}}]}',
    ),
    "NUL in JSON": (JSON, b'{"texts": [{"prompt": [{"role": "user", "content": "\\u0000"}]}]}'),
    "a lone surrogate": (
        JSON,
        b'{"texts": [{"prompt": [{"role": "user", "content": "\\ud800"}], "response": "\\udfff"}]}',
    ),
    "more digits than Python reads": (
        FORM,
        "&".join(f"{name}={'9' * 4500}" for name in ("preference", "id", "low", "entry")).encode(),
    ),
    "huge numbers": (JSON, b'{"texts": 1' + b"0" * 5000 + b', "uwo_weight": 1e999}'),
    "infinity by exponent": (
        JSON,
        b'{"texts": [{"prompt": [{"role": "user", "content": "a"}], "response": "b"}],'
        b'"uwo_weight": 1e999}',
    ),
    "NaN": (JSON, b'{"uwo_weight": NaN}'),
    "no UTF-8": (JSON, b'{"texts": "\xff\xfe"}'),
    "null": (JSON, b"null"),
    "an odd charset": (f"{JSON}; charset=rot13", b"{}"),
    "a charset that is none for texts": (f"{FORM}; charset=base64", b"a=b"),
    "a charset that is none": (f"{FORM}; charset=nonsense", b"a=b"),
    "UTF-16": (f"{FORM}; charset=utf-16", "a=b".encode("utf-16")),
    "multipart without boundary": ("multipart/form-data", b"--x\r\n\r\n"),
    "multipart with an odd boundary": ("multipart/form-data; boundary=\xfc\0", b"--x\r\n"),
    "multipart that ends early": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a\0b"\r\n\r\n{',
    ),
    "NUL in a form": (
        FORM,
        b"name=a%00b&choice=%00&reason=%00&username=%00&slug=%00&pk=%00&uuid=%00",
    ),
    "half a character in a form": (FORM, b"name=%ED%A0%80&choice=%ff&seconds=%ff"),
    "numbers in a form": (
        FORM,
        b"pk="
        + b"9" * 400
        + b"&ids="
        + b"9" * 30
        + b"&seconds=1e999&overlap="
        + b"9" * 30
        + b"&strength=NaN&page=-1&preference="
        + b"9" * 30
        + b"&count="
        + b"9" * 30,
    ),
    "a type that is none": ("\xe9/\0;;=", b"\0"),
    "nothing": ("", b""),
}
NUMBERED = (
    "after",
    "before",
    "page",
    "version",
    "entry",
    "new",
    "old",
    "low",
    "high",
    "id",
    "limit",
)
QUERIES = (
    *("&".join(f"{name}={digit * count}" for name in NUMBERED)
      for digit in "9²٩" for count in (1, 19, 5000)),
    "format=jsonl&limit=" + "9" * 19,
    "q=%00", "after=" + "9" * 40, "page=" + "9" * 40, "limit=-1", "since=%ff", "since=99999-99-99",
    "format=%00", "next=%00", "sort=" + "x" * 3000, "kind=%ED%A0%80", "a=" + "9" * 5000,
)  # fmt: skip

ODD_CHARSET = ("text/plain; charset=base64", "q=a")


@pytest.fixture
def values() -> dict[str, Any]:
    _owner, values = make_rows()
    return values


@pytest.fixture
def addresses(values: dict[str, Any]) -> dict[str, str]:
    return {
        name: reverse(name, kwargs={key: value_for(name, key, values) for key in parameters})
        for name, parameters in named_addresses()
    }


@pytest.fixture
def client(addresses: dict[str, str]) -> Client:
    from labeling.models import User

    client = Client(raise_request_exception=False)
    client.force_login(User.objects.get(username="owner"))
    return client


def ours(client: Client, cases: list[tuple[str, str, str, str, bytes]]) -> list[str]:
    """The cases that end in an error of ours."""
    found = []
    for what, method, address, content_type, body in cases:
        # 503 is said on purpose: the part that scores does not run here.
        status = client.generic(method, address, body, content_type).status_code
        if status >= 500 and status != 503:
            found.append(f"{method} {address}: {what}: {status}")
    return found


def but_sign_out(addresses: dict[str, str]) -> list[str]:
    return [address for name, address in addresses.items() if name != "sign-out"]


def test_any_method_on_any_address(client: Client, addresses: dict[str, str]) -> None:
    every = [*but_sign_out(addresses), "/admin/", "/admin/login/", "/admin/labeling/user/", "/x/"]
    cases = [("", method, address, "", b"") for address in every for method in METHODS]
    assert ours(client, cases) == []


def test_what_can_be_read_answers_head_the_same(client: Client, addresses: dict[str, str]) -> None:
    """A monitor or a link checker asks with HEAD. The page of the next comparison takes none: it
    hands one out."""
    answers = {
        name: (client.get(address).status_code, client.head(address).status_code)
        for name, address in addresses.items()
        if name not in ("sign-out", "label", "api-next")
    }
    read = {name: statuses for name, statuses in answers.items() if statuses[0] == 200}
    assert len(read) > 30
    assert {name: statuses for name, statuses in read.items() if statuses[1] != 200} == {}


@pytest.mark.timeout(600)
def test_any_body_at_any_address(client: Client, addresses: dict[str, str]) -> None:
    every = [*but_sign_out(addresses), "/admin/login/", "/admin/labeling/user/add/"]
    cases = [
        (what, "POST", address, content_type, body)
        for address in every
        for what, (content_type, body) in BODIES.items()
    ]
    assert ours(client, cases) == []


@pytest.mark.timeout(600)
def test_any_query_at_any_address(client: Client, addresses: dict[str, str]) -> None:
    every = [*but_sign_out(addresses), "/admin/login/", "/admin/labeling/user/"]
    cases: list[Any] = [
        (query[:40], "GET", f"{address}?{query}", content_type, b"")
        for address in every
        for content_type, query in [*(("", query) for query in QUERIES), ODD_CHARSET]
    ]
    assert ours(client, cases) == []


@pytest.mark.parametrize("what", [what for what, (kind, _) in BODIES.items() if kind == JSON])
def test_malformed_json_is_answered_in_words(
    client: Client, addresses: dict[str, str], what: str
) -> None:
    content_type, body = BODIES[what]
    answer = client.post(addresses["api-score"], body, content_type=content_type)
    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_a_body_that_is_too_large_is_refused_before_it_is_parsed(
    client: Client, addresses: dict[str, str], settings: Any
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 2**20
    body = b'{"texts": "' + b"x" * 2**20 + b'"}'
    answer = client.post(addresses["api-score"], body, content_type=JSON)
    assert answer.status_code == 413
    assert "larger than 1 MB" in answer.json()["detail"]


@pytest.mark.parametrize("number", [0, 2**31, 2**63 - 1, 2**63, 10**30])
def test_any_number_in_an_address(client: Client, values: dict[str, Any], number: int) -> None:
    cases = []
    for name, keys in named_addresses():
        if not {"pk", "version"} & set(keys):
            continue
        numbers = {key: number if key in ("pk", "version") else value_for(name, key, values)
                   for key in keys}  # fmt: skip
        address = reverse(name, kwargs=numbers)
        cases += [(name, method, address, "", b"") for method in ("GET", "HEAD", "POST")]
    assert len(cases) > 60
    assert ours(client, cases) == []
