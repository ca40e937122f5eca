"""The words mail programs put above quoted text, by language; all compared in lower case.

Vietnamese and English first; then what the neighbours' programs write. A bar stands between
two spellings. Signatures and closing words are in ``signwords``.
"""


def _words(*lines: str) -> tuple[str, ...]:
    """Split lines at their bars and fold the case of each word."""
    return tuple(
        word.strip().casefold() for line in lines for word in line.split("|") if word.strip()
    )


# "On … wrote:": what such a line ends with, or what stands before the name.
WROTE = _words(
    "đã viết|da viet|wrote|writes|said|schrieb|a écrit|écrit|escribió|va escriure|escribiu",
    "escreveu|ha scritto|schreef|geschreven|het volgende|skrev|skrifaði|kirjoitti|kirjutas",
    "napisał|napisała|napisał(a)|pisze|napsal|napsal(a)|napsala|napísal|napísal(a)",
    "napísala|írta|ezt írta|a scris|написал|написала|написал(а)|пишет|пише|написав",
    "написала|написав(ла)|написа|је написао/ла|је написао|yazdı|şunu yazdı|şunları yazdı",
    "menulis|shkroi|έγραψε|写道|寫道|님이 작성|작성|のメール|さんは書きました|書きました",
    "כתב|כתבה|כתב/ה|rašė|rakstīja|napisao|napisala|napisao/la|napisao je|je napisao",
    "je napisao/la|je napisala|เขียนว่า|نوشت|كتب",
)
# Also what people write of themselves: only before quoted lines, or with an address.
SAID_BY_PEOPLE = _words("viết|schreibt|scrive|escribe|écrivait|작성")
# "Quoting An <an@x>:", which says neither when nor that anybody wrote.
QUOTING = tuple(
    f"{word} " for word in _words("quoting|zitat von|zitiere|citando a|citando|citát")
)
# How such a line begins.
WROTE_START = QUOTING + tuple(
    f"{word} "
    for word in _words(
        "vào|vao|ngày|ngay|lúc|luc|hôm|on|at|am|le|el|em|no dia|il|il giorno|op|den|d.",
        "dnia|w dniu|dne|dňa|pe|în|pada|pada tanggal|в|во|на|στις|ב|בתאריך|في|ในวันที่",
        "dana|kuupäev|më|در تاریخ|在|missatge de",
        "wiadomość napisana",
    )
)
# Put between dashes of some kind above the copied message.
ORIGINAL = frozenset(
    _words(
        "thư gốc|tin nhắn gốc|nội dung gốc|email gốc|thư ban đầu|tin nhắn ban đầu|original",
        "original message|original e-mail|original email|original mail|reply message",
        "original appointment|replied message|ursprüngliche nachricht|originalnachricht",
        "original-nachricht|originalmail|ursprüngliche mail|message d'origine",
        "message original|courriel original|mensaje original|mensagem original",
        "messaggio originale|messaggio original|oorspronkelijk bericht|origineel bericht",
        "originalmeddelande|ursprungligt meddelande|oprindelig meddelelse",
        "oprindelig besked|original meddelelse|opprinnelig melding|original melding",
        "alkuperäinen viesti|oryginalna wiadomość|wiadomość oryginalna|wiadomość pierwotna",
        "původní zpráva|původní e-mail|pôvodná správa|pôvodný e-mail|eredeti üzenet",
        "mesaj original|mesajul original|оригинално съобщение|исходное сообщение",
        "исходное письмо|вихідне повідомлення|оригінальне повідомлення|özgün ileti",
        "orijinal ileti|orijinal mesaj|özgün mesaj|αρχικό μήνυμα|הודעה מקורית",
        "الرسالة الأصلية|رسالة أصلية|ข้อความต้นฉบับ|ข้อความเดิม|pesan asli|mesej asal",
        "元のメッセージ|オリジナルメッセージ|元のメール|원본 메시지|원본 메일|원본메시지",
        "원본메일|原始邮件|原始郵件|原邮件|原始消息|原始信件|izvorna poruka",
        "originalna poruka|izvirno sporočilo|pradinis laiškas|sākotnējais ziņojums",
        "algne sõnum|missatge original|оригинална порука",
    )
)
FORWARDED = frozenset(
    _words(
        "forwarded message|forwarded email|begin forwarded message|forwarded by",
        "thư được chuyển tiếp|thư đã chuyển tiếp|thư chuyển tiếp|tin nhắn được chuyển tiếp",
        "tin nhắn chuyển tiếp|bắt đầu thư được chuyển tiếp|bắt đầu thư đã chuyển tiếp",
        "weitergeleitete nachricht|anfang der weitergeleiteten nachricht",
        "anfang der weitergeleiteten e-mail|message transféré|début du message transféré",
        "début du message réexpédié|mensaje reenviado|inicio del mensaje reenviado",
        "mensagem encaminhada|mensagem reencaminhada|início da mensagem encaminhada",
        "início da mensagem reencaminhada|messaggio inoltrato|inizio messaggio inoltrato",
        "doorgestuurd bericht|begin doorgestuurd bericht|vidarebefordrat meddelande",
        "vidarebefordrat brev|vidarebefordrat mejl|videresendt besked",
        "påbegynd videresendt besked|start på videresendt besked|videresendt melding",
        "videresendt melding start|välitetty viesti|wiadomość przekazana",
        "początek przekazywanej wiadomości|přeposlaná zpráva|preposlaná správa",
        "továbbított üzenet|mesaj redirecționat|препратено съобщение",
        "пересылаемое сообщение|начало переадресованного сообщения|переслане повідомлення",
        "iletilen ileti|iletilmiş mesaj|προωθημένο μήνυμα|הודעה שהועברה|رسالة معاد توجيهها",
        "ข้อความที่ส่งต่อ|pesan terusan|pesan yang diteruskan|mesej dimajukan|转发的邮件",
        "下面是被转发的邮件|轉寄的郵件|開始轉寄郵件|転送メッセージ|転送されたメッセージ",
        "전달된 메시지|전달된 메시지 시작|proslijeđena poruka|prosleđena poruka",
    )
)
# A line that other help desks put above what was said before.
REPLY_ABOVE = _words(
    "reply above this line|reply above the line|type your reply above",
    "write above this line|replies above this line|trả lời phía trên dòng này",
    "trả lời bên trên dòng này|phản hồi phía trên dòng này|antworten sie oberhalb dieser",
    "antwort oberhalb dieser|répondez au-dessus de cette ligne|répondre au-dessus de cette",
    "encima de esta línea|por encima de esta línea|acima desta linha|sopra questa riga",
    "boven deze regel",
)
# Labels of a copied header block → which header they are.
LABELS: dict[str, str] = {
    label: kind
    for kind, labels in {
        "from": (
            "từ|người gửi|gửi từ|from|von|absender|de|de la|da|van|från|fra|lähettäjä|od|"
            "от|от кого|отправитель|від|dari|daripada|feladó|kimden|gönderen|από|מאת|من|از|"
            "จาก|发件人|寄件者|寄件人|差出人|送信者|보낸 사람|보낸사람|발신|remitente|"
            "remetente|mittente|nga|šalje|nuo|no|saatja|од"
        ),
        "sent": (
            "đã gửi|ngày gửi|gửi lúc|gửi|thời gian|ngày|sent|date|sent at|date sent|"
            "gesendet|datum|gesendet am|envoyé|envoyé le|enviado|enviado el|fecha|"
            "enviada em|enviado em|enviada|data|data de envio|inviato|data invio|verzonden|"
            "skickat|sendt|dato|dátum|wysłano|wysłane|data wysłania|odesláno|odoslané|"
            "odoslaný|elküldve|trimis|изпратено|отправлено|дата|надіслано|gönderildi|"
            "gönderme tarihi|tarih|στάλθηκε|ημερομηνία|נשלח|תאריך|تم الإرسال|التاريخ|"
            "تاريخ الإرسال|ارسال شده|تاریخ|ส่ง|ส่งเมื่อ|วันที่|dikirim|terkirim|tanggal|"
            "dihantar|tarikh|lähetetty|päivämäärä|发送时间|发送日期|日期|寄件日期|傳送時間|"
            "時間|时间|送信日時|送信日|日付|日時|보낸 날짜|날짜|보낸날짜|보낸 시간|dërguar|"
            "poslano|išsiųsta|nosūtīts|saadetud|kuupäev|enviat|послато|датум|poslato"
        ),
        "to": (
            "đến|tới|người nhận|gửi đến|gửi tới|to|an|empfänger|à|para|per a|a|aan|till|"
            "til|do|komu|кому|до|címzett|către|catre|kime|alıcı|προς|אל|إلى|به|ถึง|kepada|"
            "untuk|vastaanottaja|收件人|收件者|宛先|받는 사람|받는사람|수신|per|për|za|"
            "prima|kam|adressaat|за"
        ),
        "subject": (
            "chủ đề|tiêu đề|subject|betreff|objet|sujet|asunto|assunto|oggetto|onderwerp|"
            "ämne|emne|temat|předmět|predmet|tárgy|subiect|относно|тема|konu|θέμα|נושא|"
            "الموضوع|موضوع|เรื่อง|หัวเรื่อง|ชื่อเรื่อง|subjek|perihal|hal|aihe|主题|主旨|"
            "标题|件名|題名|제목|tema|temats|teema|re|zadeva|assumpte|предмет|naslov"
        ),
        "cc": (
            "cc|bcc|đồng gửi|kopie|kopia|kopi|copie|copia|cópia|kópia|másolat|копия|копія|"
            "reply-to|trả lời|抄送|副本|参照|참조|kopio|bilgi|κοιν|עותק|نسخة|สำเนา|"
            "tembusan|salinan|importance|priority|wichtigkeit|attachments|tệp đính kèm|"
            "quan trọng"
        ),
    }.items()
    for label in _words(labels)
}
