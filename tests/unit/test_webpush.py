"""Web push: encrypted and signed as the papers say; only public addresses are called."""

import asyncio
import socket
from ipaddress import ip_address
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from inbox.channels.outward import Target, check_url, is_public, look_up
from inbox.channels.webpush import (
    CURVE,
    MOST_BYTES,
    Browser,
    PushSender,
    Signer,
    encrypt,
    from_base64,
    read_browser,
    to_base64,
)
from inbox.errors import Rejected, Unavailable
from tests.factories import NOW, SECRET
from tests.pushserver import Window

ENDPOINT = "https://push.example/p/some-secret"
# RFC 8291, appendix A
POINT = (
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
)
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
SENDER = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
WRITTEN = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml"
    "mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT"
    "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def test_the_example_of_the_paper_comes_out_to_the_letter() -> None:
    """RFC 8291, section 5 and appendix A."""
    browser = read_browser(ENDPOINT, POINT, AUTH)
    key = ec.derive_private_key(int.from_bytes(from_base64(SENDER), "big"), CURVE)

    written = encrypt(
        b"When I grow up, I want to be a watermelon",
        browser,
        key=key,
        salt=from_base64(SALT),
    )

    assert to_base64(written) == WRITTEN


def test_the_longest_message_fits_into_one_record_and_one_more_byte_does_not() -> None:
    window = Window("/p", ENDPOINT, "")
    message = b"x" * MOST_BYTES

    written = encrypt(message, window.said)

    assert len(written) == 4096
    assert window.read(written) == message
    assert encrypt(message, window.said) != written
    with pytest.raises(ValueError, match="too many"):
        encrypt(message + b"x", window.said)


def test_a_signer_is_the_same_each_time_and_another_with_another_secret() -> None:
    signer = Signer(SECRET, "mailto:hotro@congty.example")
    assert signer.public == Signer(SECRET, "").public
    assert signer.public != Signer(SECRET + b"x", "").public
    said = signer.header(ENDPOINT, NOW)
    token = said.partition("t=")[2].partition(",")[0]
    key = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, from_base64(signer.public))

    claims = jwt.decode(
        token,
        key,
        algorithms=["ES256"],
        audience="https://push.example",
        options={"verify_exp": False},
    )

    assert claims["exp"] == int(NOW.timestamp()) + 12 * 3600
    assert claims["sub"] == "mailto:hotro@congty.example"
    assert said.endswith(f", k={signer.public}")


@pytest.mark.parametrize(
    ("endpoint", "point", "auth"),
    [
        ("http://push.example/p", POINT, AUTH),
        (ENDPOINT, POINT[:-2], AUTH),
        (ENDPOINT, to_base64(b"\4" + b"x" * 64), AUTH),  # not on the curve
        (ENDPOINT, POINT, AUTH[:-1]),
        (ENDPOINT, POINT + "!", AUTH),
        (ENDPOINT, "", ""),
    ],
)
def test_what_is_no_browser_is_refused(endpoint: str, point: str, auth: str) -> None:
    with pytest.raises(Rejected):
        read_browser(endpoint, point, auth)


def test_a_browser_is_never_shown_in_a_log() -> None:
    assert repr(Browser(ENDPOINT, b"point", b"auth")) == "Browser()"


@pytest.mark.parametrize(
    "url",
    [
        "http://push.example/",
        "ftp://push.example/",
        "https://push.example:8443/",
        "https://user:word@push.example/",
        "https://push.example@10.0.0.1/",
        "https:///nowhere",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://push.example/\r\nX-More: 1",
        "https://push.example:x/",
        "https://[push.example/",
        "https://push.example/" + "x" * 2000,
        "//push.example/",
        "",
    ],
)
def test_addresses_that_are_never_called(url: str) -> None:
    """S15: no way into the network behind us."""
    with pytest.raises(Rejected):
        check_url(url)


# One machine in many spellings, and networks that are nobody's business.
NUMBERS = (
    *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.0.0.1."),
    *("0", "0.0", "10.0.0.1", "10.1", "172.16.0.1", "192.168.1.1", "100.64.0.1"),
    *("169.254.169.254", "2852039166", "198.18.0.1", "192.0.2.1", "240.0.0.1", "224.0.0.1"),
    *("255.255.255.255", "[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]"),
    *("[::ffff:7f00:1]", "[::ffff:0a00:0001]", "[0:0:0:0:0:ffff:c0a8:1]", "[64:ff9b::7f00:1]"),
    *("[64:ff9b::10.0.0.1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[fe80::1]", "[fc00::1]"),
    *(
        "[fd12:3456::1]",
        "[ff02::1]",
        "[2001:db8::1]",
        "localhost",
        "LOCALHOST",
        "[::127.0.0.1]",
    ),
)


@pytest.mark.parametrize("port", ["", ":443"])
@pytest.mark.parametrize("host", NUMBERS)
async def test_no_spelling_leads_inside(host: str, port: str) -> None:
    """S15, G17: whatever the spelling, nothing is called."""
    with pytest.raises((Rejected, Unavailable)):
        await look_up(f"https://{host}{port}/p")


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "localhost.", "LOCALHOST", "intranet", "crm:443", "app.localhost"),
        *("kip.local", "kip.local.", "KIP.Local", "db.internal", "router.home.arpa"),
        *("nas.lan", "mail.corp", "printer.home", "files.intranet", "0", "2130706433"),
    ],
)
def test_a_name_of_a_network_of_its_own_is_refused_when_it_is_entered(host: str) -> None:
    """S15: without asking anybody for it; who means it says so in the settings."""
    with pytest.raises(Rejected, match="private network"):
        check_url(f"https://{host}/p")
    assert check_url("https://nas.lan:8443/p", {"https://nas.lan:8443"}).port == 8443


@pytest.mark.parametrize("host", ["local.example", "home.arpa.example", "mylocal.example"])
def test_a_public_name_with_such_a_word_in_it_is_called(host: str) -> None:
    assert check_url(f"https://{host}/p").hostname == host


def test_an_own_push_service_is_called_and_nothing_beside_it() -> None:
    own = {"http://127.0.0.1:9000"}
    assert check_url("http://127.0.0.1:9000/p", own).port == 9000
    for url in ("http://127.0.0.1:9001/p", "https://127.0.0.1:9000/p", "http://127.0.0.1/p"):
        with pytest.raises(Rejected):
            check_url(url, own)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses(address: str) -> None:
    assert is_public(ip_address(address))


def _names(monkeypatch: pytest.MonkeyPatch, found: list[str] | OSError) -> list[str]:
    asked: list[str] = []

    async def getaddrinfo(host: str, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        if isinstance(found, OSError):
            raise found
        return [(socket.AF_INET, 0, 0, "", (one, 443)) for one in found]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    return asked


async def test_a_name_is_looked_up_once_and_its_address_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """S15: a name that answers otherwise the second time is not asked a second time."""
    asked = _names(monkeypatch, ["8.8.8.8", "2606:4700::1111"])

    target = await look_up(ENDPOINT + "?a=1")

    assert asked == ["push.example"]
    path = "/p/some-secret?a=1"
    urls = (f"https://8.8.8.8{path}", f"https://[2606:4700::1111]{path}")
    assert target == Target(urls, "push.example", "push.example")


async def test_a_name_that_leads_inside_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """S15: also where only one of its addresses does."""
    _names(monkeypatch, ["8.8.8.8", "10.0.0.7"])
    with pytest.raises(Rejected, match="private"):
        await PushSender(Signer(SECRET, "")).send(
            Window("/p", ENDPOINT, "").said, b"{}", keep_s=1, now=NOW
        )


async def test_a_name_that_is_not_known_may_be_later(monkeypatch: pytest.MonkeyPatch) -> None:
    _names(monkeypatch, OSError("no such name"))
    with pytest.raises(Unavailable):
        await look_up(ENDPOINT)
