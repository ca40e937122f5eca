"""The words that end a message, by language: closing lines and what devices add.

All compared in lower case; a bar stands between two spellings.
"""


def _words(*lines: str) -> frozenset[str]:
    """Split lines at their bars and fold the case of each word."""
    return frozenset(
        word.strip().casefold() for line in lines for word in line.split("|") if word.strip()
    )


# A closing line of its own: what follows it is a name and a card.
SIGN_OFFS = _words(
    "trân trọng|trân trọng cảm ơn|trân trọng kính chào|trân trọng kính thư|trân trọng chào",
    "kính thư|kính chào|kính|kính bút|thân mến|thân ái|thân|thân chào|chào thân ái",
    "chào trân trọng|xin chân thành cảm ơn|chân thành cảm ơn|xin trân trọng cảm ơn",
    "cảm ơn và trân trọng|thân mến chào|trân trọng và cảm ơn|tran trong|tran trong cam on",
    "than men|than ai|kinh thu|regards|best regards|kind regards|warm regards",
    "warmest regards|with regards|many regards|with best regards|with kind regards",
    "kindest regards|my best regards|best|best wishes|br|all the best|cheers|sincerely",
    "yours sincerely|sincerely yours|yours faithfully|yours truly|very truly yours|yours",
    "respectfully|respectfully yours|cordially|warmly|rgds|kr|love|thanks and regards",
    "thanks & regards|thanks and best regards|thanks & best regards",
    "thanks and kind regards|many thanks and best regards|thank you and best regards",
    "best regards and thanks|with warm regards|take care|mit freundlichen grüßen",
    "mit freundlichen grüssen|mit freundlichem gruß|mit besten grüßen",
    "mit freundlichem gruss|mit lieben grüßen|mit herzlichen grüßen|freundliche grüße",
    "freundliche grüsse|viele grüße|viele grüsse|beste grüße|beste grüsse|liebe grüße|lg",
    "vg|mfg|liebe grüsse|herzliche grüße|schöne grüße|besten gruß|lieben gruß|gruß|gruss",
    "grüße|grüsse|hochachtungsvoll|vielen dank und viele grüße",
    "vielen dank und freundliche grüße|cordialement|bien cordialement|très cordialement",
    "bien à vous|salutations|amicalement|sincères salutations|meilleures salutations",
    "salutations distinguées|cdlt|bàv|respectueusement|saludos|saludos cordiales|un saludo",
    "un cordial saludo|atentamente|cordialmente|un abrazo|muy atentamente",
    "reciba un cordial saludo|atte|atenciosamente|cumprimentos",
    "com os melhores cumprimentos|melhores cumprimentos|abraços|abraço|att",
    "obrigado e cumprimentos|cordiais cumprimentos|cordiali saluti|distinti saluti|saluti",
    "un saluto|cari saluti|un cordiale saluto|met vriendelijke groet",
    "met vriendelijke groeten|vriendelijke groet|vriendelijke groeten|mvg|hartelijke groet",
    "hartelijke groeten|met hartelijke groet|groet|groeten|hoogachtend|med vänlig hälsning",
    "med vänliga hälsningar|vänliga hälsningar|vänlig hälsning|hälsningar|vänligen|mvh",
    "bästa hälsningar|hälsning|vh|med venlig hilsen|venlig hilsen|de bedste hilsner",
    "bedste hilsner|hilsen|kh|kærlig hilsen|de venligste hilsner|med vennlig hilsen",
    "vennlig hilsen|beste hilsen|med hilsen|ystävällisin terveisin|terveisin",
    "parhain terveisin|kunnioittaen|yst. terv|pozdrawiam|pozdrawiam serdecznie",
    "serdecznie pozdrawiam|z poważaniem|z wyrazami szacunku|s pozdravem",
    "s přátelským pozdravem|hezký den|přeji hezký den|s úctou|s pozdravom|s úctou",
    "üdvözlettel|tisztelettel|üdv|cu stimă|cu stima|cu respect|toate cele bune|cu drag",
    "поздрави|с уважение|с уважением|с наилучшими пожеланиями|всего доброго|з повагою",
    "з найкращими побажаннями|saygılarımla|saygılarımızla|iyi çalışmalar|saygılar|sevgiler",
    "με εκτίμηση|φιλικά|με φιλικούς χαιρετισμούς|בברכה|תודה ובברכה|בכבוד רב|مع خالص التحية",
    "تحياتي|مع تحياتي|مع أطيب التحيات|وتفضلوا بقبول فائق الاحترام|با احترام|با تشکر",
    "ขอแสดงความนับถือ|ด้วยความเคารพ|salam|hormat kami|hormat saya|salam hormat|yang benar",
    "敬具|草々|以上|此致|祝好|此致敬礼|顺颂商祺|敬上|顺祝商祺|srdačan pozdrav",
    "lijep pozdrav|pozdrav|lep pozdrav|s spoštovanjem|pagarbiai|ar cieņu|lugupidamisega",
    "salutacions|salutacions cordials|срдачан поздрав|поздрав|me respekt|përshëndetje",
)
# How a line that a device or program adds begins, in whatever way it goes on.
MOBILE_STARTS = tuple(
    _words(
        "được gửi từ|gửi từ|đã gửi từ|được gửi bằng|tải outlook cho|lấy outlook cho",
        "nhận outlook cho|gui tu|duoc gui tu|get outlook for|von meinem|gesendet von",
        "gesendet mit|von unterwegs gesendet|diese nachricht wurde von|envoyé de mon",
        "envoyé depuis|envoyé à partir|enviado desde|enviado do|enviado de|inviato da",
        "verzonden vanaf|verstuurd vanaf|verstuurd met|skickat från|sendt fra|wysłane z",
        "odesláno z|отправлено с|отправлено из|lähetetty|dikirim dari|发自我的|从我的",
        "發自我的|從我的|나의 iphone|from my iphone|from my android|from my ipad",
        "from my mobile|télécharger outlook|sent with airmail|sent with sparrow",
        "sent with proton",
    )
)
# These begin what people say as well: the thing named must be a device or a program.
SENT_STARTS = tuple(_words("sent from|sent via|sent with|sent using|sent by"))
DEVICE_NAMES = tuple(
    _words(
        "iphon|ipad|ipod|android|samsung|galaxy|htc|nokia|blackberry|motorola|huawei",
        "xiaomi|oppo|xperia|smartphone|yahoo|windows phone|redmi|oneplus|هاتفي|điện thoại",
    )
)
DEVICES = DEVICE_NAMES + tuple(
    _words(
        "vivo|pixel|phone|mobile|cell|handy|device|tablet|windows|outlook|mail|ios|mac",
        "watch|thunderbird|spark|boxer|nine|proton|zoho|gmail|aol|realme|kindle|surface",
        "nexus",
    )
)
# "Sent", as the first or the last word of a line that names a device.
SENT_FIRST = tuple(
    _words(
        "gesendet|envoyé|enviad|enviat|inviat|verzonden|verstuurd|skickat|sendt|lähetetty|wysłan",
        "odeslán|odoslan|trimis|изпратено|отправлено|надіслано|στάλθηκε|נשלח|أرسل|أُرسلت|مرسل",
        "ส่งจาก|dikirim|dihantar|poslan|poslat|išsiųsta|nosūtīts|saadetud|послат",
    )
)
SENT_LAST = tuple(_words("küldve|gönderildi|送信|发送|傳送|發送|발송|보냄|보냈습니다|gesendet"))
