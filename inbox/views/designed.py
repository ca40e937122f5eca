"""A mail as its sender laid it out, for a sandboxed frame on the conversation's page.

The HTML was made safe when it was read. This answer forbids everything once more by its own
policy: no script, form, frame, font or style sheet, no origin, and no picture but those that
came with the mail, until somebody asks for the others.
"""

import base64
import re
from typing import Any

from litestar import Response, get
from litestar.params import FromPath

from inbox.channels.safehtml import REMOTE
from inbox.store.designs import Design, get_design
from inbox.views.render import language
from inbox.views.site import HttpRequest, person, read

_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "style-src 'unsafe-inline'; img-src {}; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
_OWN_PICTURES, _ALL_PICTURES = "data:", "data: https: http:"
_INLINE = re.compile(r'src="cid:([^"]{1,1000})"')
# What a picture is by its first bytes; what it calls itself does not count.
_PICTURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_HEAD = (
    '<!doctype html><html lang="{}"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width"><title>.</title><style>'
    "body{{margin:12px;font:15px/1.5 system-ui,sans-serif;color:#1b1b1b;background:#fff;"
    "overflow-wrap:anywhere}}img{{max-width:100%;height:auto}}table{{max-width:100%}}"
    "pre{{white-space:pre-wrap}}blockquote{{margin:0 0 0 8px;padding-left:8px;"
    "border-left:2px solid #bbb}}</style></head><body>"
)


def picture_kind(data: bytes) -> str:
    """Return a PNG's, JPEG's, GIF's or WebP's type by its first bytes, else ""."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for mark, kind in _PICTURES if data.startswith(mark)), "")


def document(design: Design, spoken: str, *, remote: bool) -> bytes:
    """Return the whole document; ``remote`` lets pictures from elsewhere be fetched."""

    def inline(match: re.Match[str]) -> str:
        data = design.pictures.get(match[1].replace("&amp;", "&"), b"")
        kind = picture_kind(data)
        return f'src="data:{kind};base64,{base64.b64encode(data).decode()}"' if kind else ""

    body = _INLINE.sub(inline, design.html) if design.pictures else design.html
    # Held back, it is no picture's address at all: nothing is even tried.
    body = body.replace(f'src="{REMOTE}', 'src="' if remote else 'data-remote="')
    return (_HEAD.format(spoken) + body + "</body></html>").encode()


@get("/inbox/{number:int}/messages/{message_id:int}/html", opt={"access": "agent"})
async def show_designed(
    request: HttpRequest, number: FromPath[int], message_id: FromPath[int]
) -> Response[Any]:
    """Show a mail in its frame; with ``?images=1`` pictures from elsewhere too."""
    design = await read(request, get_design, number, message_id, person(request))
    remote = request.query_params.get("images") == "1"
    pictures = _ALL_PICTURES if remote else _OWN_PICTURES
    return Response(
        document(design, language(request), remote=remote),
        media_type="text/html",
        headers={
            "content-security-policy": _POLICY.format(pictures),
            "referrer-policy": "no-referrer",
            "cache-control": "private, no-store",
        },
    )
