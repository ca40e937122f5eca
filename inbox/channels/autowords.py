"""What responders write into subjects and first lines, by language; all in lower case."""


def _words(*lines: str) -> tuple[str, ...]:
    """Split lines at their bars, the longest spellings first."""
    found = {
        word.strip().casefold() for line in lines for word in line.split("|") if word.strip()
    }
    return tuple(sorted(found, key=lambda word: (-len(word), word)))


# "Automatic reply": certain where a colon, a dash or nothing follows.
AUTOMATIC_REPLY = _words(
    "out of office|out of the office|ooo|ooto|autorespons|trả lời tự động",
    "thư trả lời tự động|tin nhắn trả lời tự động|phản hồi tự động|thư phản hồi tự động",
    "tin nhắn tự động|thư tự động|hồi đáp tự động|hồi âm tự động|tra loi tu dong",
    "thu tra loi tu dong|phan hoi tu dong|tu dong tra loi|tự động trả lời|tự động phản hồi",
    "automatic reply|automatic response|automated reply|automated response|auto reply",
    "auto-reply|autoreply|auto response|auto-response|autoresponse|auto-responder",
    "autoresponder|auto responder|auto acknowledgement|auto-acknowledgement",
    "automatic acknowledgement|automatic email reply|vacation reply|vacation response",
    "vacation message|vacation notice|vacation autoreply|out of office autoreply",
    "out of office auto-reply|out of office reply|out of office message",
    "out of office response|out of office notification|auto respond|automatische antwort",
    "automatische rückantwort|autoantwort|automatische rückmeldung",
    "automatische eingangsbestätigung|abwesenheitsnotiz|abwesenheitsmeldung|autom. antwort",
    "abwesenheitsbenachrichtigung|abwesenheitsnachricht|abwesenheitsassistent|urlaubsnotiz",
    "réponse automatique|reponse automatique|message automatique|réponse auto",
    "message d'absence|absence du bureau|notification d'absence",
    "réponse automatique d'absence|respuesta automática|respuesta automatica|autorespuesta",
    "contestación automática|mensaje automático|fuera de la oficina|fuera de oficina",
    "aviso de ausencia|resposta automática|resposta automatica|mensagem automática",
    "aviso de ausência|fora do escritório|ausência temporária|risposta automatica",
    "messaggio automatico|fuori sede|fuori ufficio|risponditore automatico",
    "notifica di assenza|assente dall'ufficio|automatisch antwoord|automatische reactie",
    "automatisch bericht|afwezigheidsbericht|afwezigheidsmelding|niet aanwezig",
    "niet op kantoor|afwezigheidsassistent|automatiskt svar|autosvar",
    "automatiskt meddelande|frånvaromeddelande|automatsvar|automatisk svar|autosvar",
    "fraværsbesked|fraværsmelding|automatisk svarmelding|automaattinen vastaus",
    "automaattivastaus|poissaoloilmoitus|poissa toimistosta|automatyczna odpowiedź",
    "odpowiedź automatyczna|autoodpowiedź|autoresponder|wiadomość automatyczna",
    "nieobecność w biurze|poza biurem|powiadomienie o nieobecności|automatická odpověď",
    "automatická odpověd|mimo kancelář|automatická odpoveď|mimo kancelárie",
    "automatikus válasz|házon kívül|automatikus üzenet|irodán kívül|räspuns automat",
    "răspuns automat|raspuns automat|în afara biroului|автоматичен отговор|извън офиса",
    "автоматический ответ|автоответ|автоответчик|вне офиса|нет на работе|нет на месте",
    "автоматична відповідь|автовідповідь|поза офісом|otomatik yanıt|otomatik cevap",
    "ofis dışında|ofis dışı|otomatik mesaj|αυτόματη απάντηση|εκτός γραφείου|תשובה אוטומטית",
    "מענה אוטומטי|מחוץ למשרד|הודעה אוטומטית|رد تلقائي|الرد التلقائي|الرد الآلي|رد آلي",
    "خارج المكتب|رسالة تلقائية|ตอบกลับอัตโนมัติ|การตอบกลับอัตโนมัติ",
    "ข้อความตอบกลับอัตโนมัติ|ไม่อยู่ที่สำนักงาน|balasan otomatis|jawaban otomatis",
    "di luar kantor|balasan automatik|luar pejabat|自動応答|自動返信|自動返答|不在通知",
    "不在のお知らせ|不在応答|자동 회신|자동 응답|자동회신|자동응답|부재중 알림|부재중 회신",
    "자동 답장|부재 중|自动答复|自动回复|自動回覆|自動答覆|自動回應|自动应答|自动回覆",
    "外出自动回复|automatski odgovor|izvan ureda|van kancelarije|samodejni odgovor",
    "odsotnost|automatinis atsakymas|automātiska atbilde|automātiskā atbilde",
    "automaatvastus|automaatne vastus|resposta automàtica|fora de l'oficina|پاسخ خودکار",
    "përgjigje automatike|аутоматски одговор",
)
# What people say of themselves too: only with a colon behind it, or in an answer.
AWAY = _words(
    "vacation|vắng mặt|nghỉ phép|đi vắng|ngoài văn phòng|không có mặt tại văn phòng",
    "đang nghỉ phép|vang mat|out of office|out of the office|ooo|ooto|oof|away from office",
    "away from the office|away from my desk|i am away|i am out of|i'm out of|on vacation",
    "on annual leave|on holiday|on leave|currently out of|not in the office|abwesend",
    "abwesenheit|außer haus|im urlaub|urlaub|nicht im büro|absent|absente|absence",
    "en congés|en vacances|ausente|ausencia|de vacaciones|ausência|de férias|assente",
    "assenza|in ferie|afwezig|afwezigheid|vakantie|met vakantie|frånvaro|frånvarande",
    "inte på kontoret|på semester|ej på plats|fravær|fraværende|ikke til stede",
    "ikke på kontoret|på ferie|poissa|poissaolo|lomalla|nieobecny|nieobecność|urlop",
    "na urlopie|nepřítomnost|nepřítomen|dovolená|neprítomnosť|szabadságon|szabadság|távol",
    "absent din birou|concediu|отсъствие|в отпуск|отпуск|в отпуске|отсутствие|відпустка",
    "відсутність|izindeyim|izinli|άδεια|απουσία|בחופשה|غائب|ลาพักร้อน|cuti|sedang cuti",
    "不在|休暇|休暇中|外出|휴가|부재중|外出中|休假|不在办公室|不在辦公室|godišnji odmor",
    "odsutan|dopust|atostogos|atvaļinājumā|puhkusel",
)
# A sentence that only a machine writes; looked for in the first lines of an answer.
SENTENCES = _words(
    "đây là thư trả lời tự động|đây là email trả lời tự động|đây là tin nhắn tự động",
    "đây là thư tự động|đây là email tự động|thư này được gửi tự động",
    "email này được gửi tự động|đây là phản hồi tự động|vui lòng không trả lời thư này",
    "vui lòng không trả lời email này|this is an automatic reply",
    "this is an automatic response|this is an automated reply",
    "this is an automated response|this is an auto-reply|this is an auto reply",
    "this is an autoreply|this is an automatically generated|this is an automated message",
    "this message was automatically generated|this email was automatically generated",
    "this is an auto-generated|dies ist eine automatische antwort",
    "dies ist eine automatisch|diese nachricht wurde automatisch",
    "diese e-mail wurde automatisch|ceci est une réponse auto",
    "ceci est un message automatique|ce message est généré automatiquement",
    "esta es una respuesta automática|este es un mensaje automático|mensaje generado autom",
    "esta é uma resposta automática|esta é uma mensagem automática",
    "questa è una risposta autom|questo è un messaggio automatico|dit is een automatisch",
    "detta är ett automatiskt|dette er et automatisk|dette er en automatisk",
    "tämä on automaattinen|to jest automatyczna|wiadomość wygenerowana automatycznie",
    "toto je automatická|toto je automaticky|ez egy automatikus",
    "acesta este un răspuns automat|acesta este un mesaj automat|това е автоматичен",
    "это автоматический ответ|это автоматическое|це автоматична|bu otomatik bir",
    "bu bir otomatik|αυτή είναι μια αυτόματη|זוהי תשובה אוטומטית|זוהי הודעה אוטומטית",
    "هذا رد تلقائي|هذه رسالة تلقائية|นี่คือข้อความตอบกลับอัตโนมัติ",
    "ini adalah balasan otomatis|ini adalah pesan otomatis|自動送信されています",
    "自動返信です|自動応答です|자동 회신입니다|자동으로 발송|此为自动回复|这是自动回复",
    "這是自動回覆|此邮件为自动回复|本邮件由系统自动",
)
