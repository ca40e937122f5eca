# ruff: noqa: E501
"""Answers that came as HTML only, as the programs of our customers write them."""

import pytest

from inbox.channels.mime import parse

NEW = "Màu xanh ạ."
PROGRAMS = {
    "Gmail": '<div dir="ltr">Màu xanh ạ.<div><br></div></div><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">Vào Th 3, 14 thg 7, 2026 vào lúc 09:15 Shop &lt;<a href="mailto:s@x.example">s@x.example</a>&gt; đã viết:<br></div><blockquote class="gmail_quote" style="margin:0"><div>cũ</div></blockquote></div>',
    "Outlook": '<html xmlns:o="x"><body><div class="WordSection1"><p class="MsoNormal">Màu xanh ạ.<o:p></o:p></p><p class="MsoNormal"><o:p>&nbsp;</o:p></p><div style="border:none;border-top:solid #E1E1E1 1.0pt"><p class="MsoNormal"><b>Từ:</b> Shop &lt;s@x.example&gt; <br><b>Đã gửi:</b> Thứ Ba, 14 Tháng 7 2026 9:15 SA<br><b>Đến:</b> An &lt;a@x&gt;<br><b>Chủ đề:</b> Đơn<o:p></o:p></p></div><p>cũ</p></div></body></html>',
    "Outlook on the web": '<div style="font-family:Aptos">Màu xanh ạ.</div><div id="appendonsend"></div><hr style="display:inline-block;width:98%"><div id="divRplyFwdMsg" dir="ltr"><font face="Calibri"><b>From:</b> Shop &lt;s@x.example&gt;<br><b>Sent:</b> Tuesday<br><b>To:</b> An<br><b>Subject:</b> Re</font><div>&nbsp;</div></div><div>cũ</div>',
    "Apple Mail": '<html><body>Màu xanh ạ.<br id="lineBreakAtBeginningOfMessage"><div><br><blockquote type="cite"><div>Vào 14 thg 7, 2026, lúc 09:15, Shop &lt;s@x.example&gt; đã viết:</div><br><div>cũ</div></blockquote></div></body></html>',
    "Yahoo": '<div class="ydp">Màu xanh ạ.</div><div id="yahoo_quoted_1" class="yahoo_quoted"><div><div>Vào Thứ Ba, 14 tháng 7, 2026 lúc 09:15:00 GMT+7, Shop &lt;s@x.example&gt; đã viết: </div><div><br></div><div>cũ</div></div></div>',
    "Thunderbird": '<html><body><p>Màu xanh ạ.</p><div class="moz-cite-prefix">Vào 14/07/2026 09:15, Shop đã viết:<br></div><blockquote type="cite" cite="mid:x"><p>cũ</p></blockquote></body></html>',
    "a signature": '<div>Màu xanh ạ.</div><div>-- <br></div><div class="gmail_signature">An Lê<br>0900</div>',
    "an iPhone": 'Màu xanh ạ.<br><br><div dir="ltr">Đã gửi từ iPhone của tôi</div><div dir="ltr"><br><blockquote type="cite">Vào 14 thg 7, 2026, lúc 09:15, Shop &lt;s@x.example&gt; đã viết:<br><br></blockquote></div><blockquote type="cite"><div>cũ</div></blockquote>',
    "Zoho": '<div>Màu xanh ạ.</div><div class="zmail_extra"><div>---- Trên Th 3, 14 thg 7 2026 09:15:00 +0700 <b>Shop &lt;s@x.example&gt;</b> đã viết ----</div><blockquote><div>cũ</div></blockquote></div>',
}
BETWEEN = "<div>Vào 14/07/2026 09:15, Shop &lt;s@x.example&gt; đã viết:</div><blockquote>Màu gì ạ?</blockquote><div>Màu xanh ạ.</div><blockquote>Cỡ nào?</blockquote><div>Lớn.</div>"


def reply_to(html: str) -> str:
    raw = f"From: a@x.example\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}"
    return parse(raw.encode()).visible_reply


@pytest.mark.parametrize("program", PROGRAMS)
def test_only_the_new_words_are_shown(program: str) -> None:
    assert reply_to(PROGRAMS[program]) == NEW


def test_answers_between_quotations_stay() -> None:
    """F11: also where the quotation is a block of HTML."""
    assert reply_to(BETWEEN) == f"{NEW}\n\nLớn."
