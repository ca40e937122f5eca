"""The HTML of a mail that we write by ourselves: made from its text, and from nothing else.

It loads nothing, links only to addresses that stand in the text, and escapes every word. The
text says the same, for whoever reads that. Mail programs ask for styles on the elements and
for tables that hold the page together.
"""

import re
from html import escape

_ADDRESS = re.compile(r"https?://[^\s<>\"'`]{1,2000}")
_TAIL = ".,;:!?)]}"
_DARK = (
    ".bg{background:#14161d!important}"
    ".paper{background:#1b1e27!important;border-color:#30343f!important}"
    ".ink{color:#edeef2!important}.soft{color:#b4b8c4!important}"
    ".btn{background:#a3abff!important;color:#15183a!important}"
)
_HEAD = (
    "<!DOCTYPE html>\n"
    '<html lang="{language}"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta name="color-scheme" content="light dark">'
    "<title>{title}</title>\n"
    "<style>:root{{color-scheme:light dark}}\n@media (prefers-color-scheme:dark){{{dark}}}\n"
    "@media (max-width:480px){{.pad{{padding:24px 20px!important}}"
    ".btn{{display:block!important;text-align:center!important}}}}</style></head>\n"
    '<body class="bg" style="margin:0;padding:0;background:#f6f5f4">\n'
    '<table role="presentation" class="bg" width="100%" cellpadding="0" cellspacing="0" '
    'border="0" style="background:#f6f5f4"><tr><td align="center" style="padding:24px 12px">\n'
    '<table role="presentation" class="paper" width="100%" cellpadding="0" cellspacing="0" '
    'border="0" style="max-width:560px;background:#fff;border:1px solid #e4e2df;'
    'border-radius:12px"><tr><td class="pad" style="padding:32px 36px;'
    "font-family:-apple-system,'Segoe UI',Roboto,'Noto Sans',Arial,sans-serif;font-size:16px;"
    'line-height:1.6;overflow-wrap:anywhere">\n'
)
_FOOT = "</td></tr></table></td></tr></table></body></html>\n"
_INK = '<p class="ink" style="margin:0 0 16px;color:#1c2030">{}</p>'
_SOFT = '<p class="soft" style="margin:{margin};font-size:14px;color:#5c6070">{text}</p>'
_TITLE = (
    '<h1 class="ink" style="margin:0 0 12px;font-size:22px;line-height:1.3;color:#1c2030">'
    "{}</h1>"
)
_BUTTON = (
    '<p style="margin:24px 0"><a class="btn" href="{link}" style="display:inline-block;'
    "padding:12px 22px;background:#36439c;color:#fff;border-radius:8px;font-weight:600;"
    'text-decoration:none">{label}</a></p>'
)
_LINK = '<a class="ink" href="{link}" style="color:#36439c">{link}</a>'


def as_html(subject: str, text: str, company: str, language: str) -> str:
    """Return a mail's text as an HTML document.

    A line that is a link becomes a button with the line above it; what follows ``--`` is
    small print.
    """
    body, _, small = text.strip().replace("\r\n", "\n").partition("\n-- \n")
    parts = [_HEAD.format(language=escape(language), title=escape(subject), dark=_DARK)]
    parts.append(_SOFT.format(margin="0 0 20px", text=escape(company)))
    parts.append(_TITLE.format(escape(subject)))
    parts += [_block(block) for block in re.split(r"\n[ \t]*\n+", body) if block.strip()]
    lines = [line for line in small.split("\n") if line.strip() and line.strip() != company]
    if lines:
        parts.append(_SOFT.format(margin="24px 0 0", text="<br>\n".join(map(_linked, lines))))
    return "\n".join([*parts, _FOOT])


def _block(block: str) -> str:
    lines = block.strip().split("\n")
    link = lines[-1].strip()
    if _ADDRESS.fullmatch(link) and len(lines) > 1:
        label = lines[-2].strip().removesuffix(":")
        above = lines[:-2]
        made = _BUTTON.format(link=escape(link), label=escape(label))
        return f"{_paragraph(above)}\n{made}" if above else made
    return _paragraph(lines)


def _paragraph(lines: list[str]) -> str:
    return _INK.format("<br>\n".join(_linked(line) for line in lines))


def _linked(line: str) -> str:
    out, at = [], 0
    for found in _ADDRESS.finditer(line):
        url = found[0].rstrip(_TAIL)
        out.append(escape(line[at : found.start()]))
        out.append(_LINK.format(link=escape(url)))
        at = found.start() + len(url)
    out.append(escape(line[at:]))
    return "".join(out)
