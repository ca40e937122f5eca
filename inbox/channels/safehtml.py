"""HTML mail made safe to look at: a small list of what may stay, everything else goes.

What comes out holds no scripts, forms, styles of its own, frames, pictures of vectors or
formulas, and fetches nothing: a remote picture's address is kept behind ``remote:``, which no
browser knows, and one that came with the mail behind ``cid:``. It is still only ever shown in
a sandboxed frame whose own policy forbids all of that once more (``inbox.views.designed``).
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote

import nh3

from inbox.channels.htmltext import fits

REMOTE = "remote:"
INLINE = "cid:"
MAX_URL_CHARS = 2000
MAX_CLEAN_CHARS = 1024 * 1024  # of the result; escaping makes it longer than what came

_TAGS = frozenset(
    "a abbr address article b bdi bdo blockquote br center cite code col colgroup dd del dfn "
    "div dl dt em font h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q rp rt ruby s samp "
    "section small span strike strong sub sup table tbody td tfoot th thead tr tt u ul var wbr "
    "figure figcaption header footer main nav aside".split()
)
# Gone with everything inside them; of other tags that are not listed the words stay.
_WHOLE = frozenset("script style title head template noscript object iframe svg math".split())
_EVERYWHERE = {"align", "valign", "dir", "lang", "title", "style", "bgcolor", "width", "height"}
_ATTRIBUTES: dict[str, set[str]] = {
    "*": _EVERYWHERE,
    "a": {"href"},
    "img": {"src", "alt", "border", "hspace", "vspace"},
    "table": {"border", "cellpadding", "cellspacing", "summary"},
    "td": {"colspan", "rowspan", "nowrap"},
    "th": {"colspan", "rowspan", "nowrap", "scope"},
    "col": {"span"},
    "colgroup": {"span"},
    "ol": {"start", "type"},
    "ul": {"type"},
    "li": {"value"},
    "font": {"color", "face", "size"},
    "bdo": {"dir"},
}
# None of them takes an address, moves anything out of its place or hides it.
_PROPERTIES = frozenset(
    "color background-color font-family font-size font-style font-weight font-variant "
    "line-height letter-spacing text-align text-decoration text-indent text-transform "
    "vertical-align white-space word-break width max-width min-width height padding "
    "padding-top padding-right padding-bottom padding-left margin margin-top margin-right "
    "margin-bottom margin-left border border-top border-right border-bottom border-left "
    "border-color border-style border-width border-collapse border-spacing border-radius "
    "list-style-type direction".split()
)
_LINKS = ("http://", "https://", "mailto:", "tel:")
_SPACE = re.compile(r"[\x00-\x20\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")
_CONTENT_ID = re.compile(r"[^\"'<>&\\]{1,250}")
_REMOTE_SRC = f'src="{REMOTE}'


@dataclass(frozen=True, slots=True)
class Designed:
    """What may be shown of an HTML mail; ``remote`` counts the pictures left out."""

    html: str = ""
    remote: int = 0


def clean(source: str) -> Designed:
    """Make HTML safe; nothing at all if it is too large or too complex to look at."""
    if not source or not fits(source):
        return Designed()
    html = nh3.clean(
        source.replace("\0", ""),
        tags=set(_TAGS),
        clean_content_tags=set(_WHOLE),
        attributes=_ATTRIBUTES,
        attribute_filter=_attribute,
        url_schemes={"http", "https", "mailto", "tel", "cid", "remote"},
        filter_style_properties=set(_PROPERTIES),
        set_tag_attribute_values={"a": {"target": "_blank"}},
        link_rel="noopener noreferrer nofollow",
    )
    if len(html) > MAX_CLEAN_CHARS:
        return Designed()
    return Designed(html, html.count(_REMOTE_SRC))


def _attribute(tag: str, name: str, value: str) -> str | None:
    """Say what an attribute becomes; None drops it."""
    if name == "href":
        return _link(value)
    if name == "src":
        return _picture(value)
    if name == "style":
        low = value.lower()
        return None if "url" in low or "\\" in value or "expression" in low else value
    return value if len(value) <= MAX_URL_CHARS else None


def _link(value: str) -> str | None:
    """Keep links that a person can follow: a full address, without letters nobody sees."""
    value = _SPACE.sub("", value)
    if len(value) > MAX_URL_CHARS or not value.lower().startswith(_LINKS):
        return None
    return value


def _picture(value: str) -> str | None:
    value = _SPACE.sub("", value)
    low = value.lower()
    if low.startswith(INLINE):
        content_id = unquote(value[len(INLINE) :]).strip("<>")
        return f"{INLINE}{content_id}" if _CONTENT_ID.fullmatch(content_id) else None
    if low.startswith("//"):
        value = f"https:{value}"
    elif not low.startswith(("http://", "https://")):
        return None
    return f"{REMOTE}{value}" if len(value) <= MAX_URL_CHARS else None
