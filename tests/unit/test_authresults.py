"""What the receiving server says of a mail's sender, and nobody else."""

import time

import pytest

from inbox.channels.authresults import read_results

MX = "mx.congty.example"
GOOD = (
    f"{MX}; dkim=pass (2048-bit key; secure) header.d=khach.example header.i=@khach.example;"
    " spf=pass smtp.mailfrom=lan@khach.example; dmarc=pass (p=reject) header.from=khach.example"
)


def mail(*headers: str) -> bytes:
    lines = [f"Authentication-Results: {one}" for one in headers]
    return "\r\n".join([*lines, "From: lan@khach.example", "", "Chào."]).encode()


def test_all_that_the_trusted_server_says() -> None:
    assert read_results(mail(GOOD), "MX.congty.example ") == {
        "dkim": "pass",
        "dkim_domain": "khach.example",
        "spf": "pass",
        "dmarc": "pass",
        "by": MX,
    }


@pytest.mark.parametrize(
    "header",
    [
        GOOD.replace(MX, "mx.evil.example"),
        GOOD.replace(MX, f"{MX}.evil.example"),
        GOOD.replace(MX, f"(x) evil {MX}"),
        f"evil.example ({MX}; dmarc=pass); spf=none",
        "",
        "; dkim=pass",
    ],
)
def test_others_are_not_believed(header: str) -> None:
    assert read_results(mail(header), MX) == {}


def test_nobody_is_believed_unless_named() -> None:
    assert read_results(mail(GOOD), "") == {}
    assert read_results(mail(GOOD.replace(MX, "")), "") == {}


def test_the_topmost_counts_and_several_headers_add_up() -> None:
    """Ours is added on top: what was below may have been there before."""
    forged = f"{MX}; dmarc=pass; spf=pass; dkim=pass"
    found = read_results(mail(f"{MX}; dmarc=fail", f"{MX}; dkim=none", forged), MX)
    assert (found["dmarc"], found["dkim"], found["spf"]) == ("fail", "none", "pass")


def test_one_good_signature_of_several_is_enough() -> None:
    two = f"{MX}; dkim=fail header.d=list.example; dkim=pass header.d=khach.example"
    found = read_results(mail(two), MX)
    assert (found["dkim"], found["dkim_domain"]) == ("pass", "khach.example")


def test_odd_writing_is_read_and_nonsense_is_not() -> None:
    odd = f'"{MX}" 1;\r\n\tDKIM = PASS (ok (really)) ; spf=perfect; dmarc; x=pass'
    assert read_results(mail(odd), MX) == {"dkim": "pass", "by": MX}


@pytest.mark.parametrize("text", ["(" * 50_000, f"{MX};" + "a=" * 50_000, "; " * 50_000])
def test_hostile_headers_cost_nothing(text: str) -> None:
    began = time.process_time()
    read_results(mail(*[text] * 30), MX)
    assert time.process_time() - began < 1
