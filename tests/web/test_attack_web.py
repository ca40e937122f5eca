"""Requests that no browser sends: each gets an answer of ours, and none gets round a limit."""

import pytest

from tests.web.scene import PASSWORD, READ_TOKEN, WRITE_TOKEN, Scene, address, bearer

PART = b"--a\r\nContent-Disposition: form-data; name=body"


@pytest.mark.parametrize("place", ["-1", "0"])
async def test_a_place_below_every_number_is_answered(scene: Scene, place: str) -> None:
    """R49: a negative number as long as no database holds."""
    far = f"2026-01-01T00:00:00+00:00~{place}{'9' * 25}~-{'9' * 25}"
    browser = await scene.signed_in("binh")

    page = await browser.get("/inbox", params={"after": far})
    listed = await browser.client.get(
        "/api/v1/conversations", params={"after": far}, headers=bearer(READ_TOKEN)
    )

    assert (page.status_code, listed.status_code) == (404, 404)


@pytest.mark.parametrize("path", ["/login", "/f/support", "/s/xxx/messages"])
@pytest.mark.parametrize(
    "body",
    [
        PART + b"\r\n\r\n\xff\xfe\r\n--a--",
        PART + b"\r\nContent-Type: text/plain; charset=bogus\r\n\r\nx\r\n--a--",
    ],
    ids=["not UTF-8", "unknown charset"],
)
async def test_a_form_that_lies_about_its_letters_is_refused(
    scene: Scene, path: str, body: bytes
) -> None:
    """R49."""
    kind = {"content-type": "multipart/form-data; boundary=a"}
    answer = await scene.browser().client.post(path, content=body, headers=kind)
    assert answer.status_code == 422


@pytest.mark.parametrize(
    "host", ["127.0.0.1:80; script-src *", "a:65536", "a:99999999", "a b", "[::1"]
)
@pytest.mark.parametrize("path", ["/login", "/api/v1/conversations", "/nowhere"])
async def test_a_host_that_is_none_is_answered_with_our_headers(
    scene: Scene, host: str, path: str
) -> None:
    """R49: and nothing of it gets into the policy."""
    answer = await scene.browser().client.get(path, headers={"host": host})
    assert 400 <= answer.status_code < 500
    assert "script-src *" not in answer.headers["content-security-policy"]


async def test_a_port_that_is_none_stops_a_call_of_the_api(scene: Scene) -> None:
    """R49: before anything is done."""
    number = await scene.arrive()
    headers = {
        **bearer(WRITE_TOKEN),
        "idempotency-key": "k",
        "host": "testserver.example:65536",
    }
    url = f"/api/v1/conversations/{number}/replies"
    answer = await scene.browser().client.post(url, json={"text": "x"}, headers=headers)
    assert answer.status_code == 422


async def test_blanks_around_an_address_are_no_other_account(scene: Scene) -> None:
    """R53: what is counted is what is looked up, however it was padded."""
    email = address("binh")
    answers = []
    for number in range(7):
        padded = email + " " * (254 - len(email) - number) + "\t" * number + "x"
        fields = {"email": padded, "password": "wrong"}
        answers.append((await scene.browser().post("/login", fields)).status_code)

    right = await scene.browser().post("/login", {"email": email, "password": PASSWORD})

    assert answers == [422] * 5 + [429] * 2
    assert right.status_code == 429


async def test_a_nul_is_in_no_part_of_an_address(scene: Scene) -> None:
    """PostgreSQL holds no NUL: what asks for one is not found on any database."""
    browser = await scene.signed_in("binh")
    for path in ("/s/a%00b", "/f/a%00b", "/files/a%00b"):
        assert (await browser.get(path)).status_code == 404


async def test_a_nul_is_left_out_of_what_is_written(scene: Scene) -> None:
    number = await scene.arrive()
    browser = await scene.signed_in("binh")

    fields = {"body": "eins\0zwei", "kind": "note", "key": "k\0ey"}
    answer = await browser.post(f"/inbox/{number}/messages", fields)

    assert answer.status_code == 303
    assert "einszwei" in (await browser.get(f"/inbox/{number}")).text
