"""One sentence that the next page says once: how an action ended, where no script shows it.

It travels in a short-lived cookie, signed for this browser, as the key of one of our
own sentences with its values, never as text. The page speaks it in its own language.
"""

import base64
import hashlib
import hmac
import json
from typing import Any, TypeVar

from litestar import Response

from inbox.templating import translator
from inbox.views.security import csrf_cookie
from inbox.views.site import HttpRequest, Site, site

AnyResponse = TypeVar("AnyResponse", bound=Response[Any])

LIFE_S = 60
MOST_VALUE = 120  # characters of a name in the sentence; a cookie holds 4 KiB


def _cookie(where: Site) -> str:
    return "__Host-flash" if where.settings.secure else "flash"


def flash(
    request: HttpRequest, response: AnyResponse, sentence: str, /, **values: str | int
) -> AnyResponse:
    """Let the page that ``response`` leads to say a sentence; return the response.

    Parameters
    ----------
    sentence
        A message key in English with ``%(name)s`` for each value; mark it with ``N_``.
    """
    where = site(request)
    short = {
        name: value[:MOST_VALUE] if isinstance(value, str) else value
        for name, value in values.items()
    }
    said = json.dumps([sentence, short], ensure_ascii=False).encode()
    packed = base64.urlsafe_b64encode(said).decode()
    browser = request.cookies.get(csrf_cookie(where), "")
    response.set_cookie(
        _cookie(where),
        f"{packed}.{_mark(where, browser, packed)}",
        path="/",
        secure=where.settings.secure,
        httponly=True,
        samesite="lax",
        max_age=LIFE_S,
    )
    return response


def waiting(request: HttpRequest, language: str) -> str:
    """Return the sentence that waits for this browser, in a language; "" if none does."""
    where = site(request)
    packed, _, mark = request.cookies.get(_cookie(where), "").partition(".")
    browser = request.cookies.get(csrf_cookie(where), "")
    if not hmac.compare_digest(mark.encode(), _mark(where, browser, packed).encode()):
        return ""
    sentence, values = json.loads(base64.urlsafe_b64decode(packed))  # signed: ours
    said: str = translator(language).gettext(sentence) % values
    return said


def forget(request: HttpRequest, response: Response[Any]) -> None:
    """Take the sentence away, now that a page has said it."""
    where = site(request)
    if _cookie(where) in request.cookies:
        # Browsers take a ``__Host-`` cookie back only from an answer that is as strict.
        response.set_cookie(
            _cookie(where),
            "",
            path="/",
            secure=where.settings.secure,
            httponly=True,
            samesite="lax",
            max_age=0,
        )


def _mark(where: Site, browser: str, packed: str) -> str:
    text = f"flash\0{browser}\0{packed}".encode()
    return hmac.new(where.secret, text, hashlib.sha256).hexdigest()
