"""Ways in as their pages show them: where they are, what to paste, and how they do."""

from dataclasses import dataclass

from inbox.store.doors import Listed
from inbox.templating import N_
from inbox.views.words import Speaker
from models import MESSENGERS, ChannelKind, Mailbox, MailboxAuth

# What a closed one does with what still comes: message keys.
CLOSED = {
    ChannelKind.EMAIL: N_(
        "Mail sent to it is refused, so its sender hears of it; answers to conversations of "
        "this address too. What lies in its mailboxes stays there unread. Messages that were "
        "on their way are held and taken in when it is opened again."
    ),
    ChannelKind.FORM: N_(
        "The form is not shown any more. Forms that were on their way are held and taken in "
        "when it is opened again. Customers' own pages go on working."
    ),
    ChannelKind.CHAT: N_(
        "The widget is not shown any more. Lines that were on their way are held and taken in "
        "when it is opened again."
    ),
    ChannelKind.API: N_("Programs are refused, and keep what they wanted to file."),
    ChannelKind.WEBHOOK: N_("Programs are refused, and keep what they wanted to file."),
    **dict.fromkeys(
        MESSENGERS,
        N_(
            "The provider is refused, and stops calling us after some days. Messages that were "
            "on their way are held and taken in when it is opened again."
        ),
    ),
    ChannelKind.PHONE: N_("The switchboard is refused: calls are not told here any more."),
}


# How a site's server vouches for who is signed in there; the same words in every language.
IDENTITY_EXAMPLES = (
    (
        "PHP",
        """$json = json_encode(['id' => (string) $user->id, 'until' => time() + 3600,
    'email' => $user->email, 'name' => $user->name]);
$payload = rtrim(strtr(base64_encode($json), '+/', '-_'), '=');
echo 'data-user="' . $payload . '.' . hash_hmac('sha256', $payload, $secret) . '"';""",
    ),
    (
        "Node",
        """const until = Math.floor(Date.now() / 1000) + 3600;
const json = JSON.stringify({ id: String(user.id), until, email: user.email, name: user.name });
const payload = Buffer.from(json).toString("base64url");
const mark = crypto.createHmac("sha256", secret).update(payload).digest("hex");
const attribute = `data-user="${payload}.${mark}"`;""",
    ),
    (
        "Python",
        """packed = json.dumps({"id": str(user.id), "until": int(time.time()) + 3600,
    "email": user.email, "name": user.name}).encode()
payload = base64.urlsafe_b64encode(packed).decode().rstrip("=")
mark = hmac.new(secret.encode(), payload.encode(), "sha256").hexdigest()
attribute = f'data-user="{payload}.{mark}"'""",
    ),
)


@dataclass(frozen=True, slots=True)
class Door:
    """A way in as shown; ``health`` is ok, late, off or quiet."""

    id: int
    kind: str
    name: str
    handle: str
    address: str
    team: str
    is_active: bool
    last_text: str
    health: str
    health_text: str
    closed_text: str
    snippets: tuple[tuple[str, str], ...]  # what it is, text to paste


@dataclass(frozen=True, slots=True)
class Box:
    """A mailbox as shown; never its password."""

    id: int
    text: str
    folder: str
    every_s: int
    is_active: bool
    health: str
    health_text: str
    error: str
    left: int
    is_oauth: bool
    is_watched: bool
    alarm_after_min: int
    sent: str  # "", "*" or "named"
    sent_name: str
    sent_error: str


def present_door(row: Listed, speak: Speaker, base_url: str) -> Door:
    """Return a way in as shown."""
    base = base_url.rstrip("/")
    boxes = [present_box(box, speak) for box in row.mailboxes]
    bad = next((box for box in boxes if box.health == "late"), None)
    health, text = ("ok", speak.say("Open"))
    if not row.is_active:
        health, text = ("off", speak.say("Closed"))
    elif bad is not None:
        health, text = (bad.health, bad.health_text)
    elif boxes:
        health, text = (boxes[0].health, boxes[0].health_text)
    return Door(
        id=row.id,
        kind=row.kind.value,
        name=row.name,
        handle=row.handle,
        address=address_of(row.kind, row.handle, base),
        team=row.team or "",
        is_active=row.is_active,
        last_text=speak.clock(row.last_at) if row.last_at else "",
        health=health,
        health_text=text,
        closed_text=speak.say(CLOSED[row.kind]),
        snippets=tuple(
            (speak.say(label), text) for label, text in snippets_of(row.kind, row.handle, base)
        ),
    )


def address_of(kind: ChannelKind, handle: str, base: str) -> str:
    """Return where the outside finds it."""
    return {
        ChannelKind.EMAIL: handle,
        ChannelKind.FORM: f"{base}/f/{handle}",
        ChannelKind.CHAT: f"{base}/widget/{handle}.js",
        ChannelKind.API: f"{base}/api/v1/conversations",
        ChannelKind.WEBHOOK: f"{base}/hooks/generic/{handle}",
        ChannelKind.PHONE: f"{base}/hooks/phone/{handle}",
        **{one: f"{base}/hooks/{one.value}/{handle}" for one in MESSENGERS},
    }[kind]


def snippets_of(kind: ChannelKind, handle: str, base: str) -> tuple[tuple[str, str], ...]:
    """Return what to paste into a site. Forms take no posts from other sites, so a link."""
    address = address_of(kind, handle, base)
    if kind is ChannelKind.FORM:
        return (
            (N_("The form's address"), address),
            (N_("A link for your site"), f'<a href="{address}">…</a>'),
        )
    if kind is ChannelKind.CHAT:
        return ((N_("The chat, for every page"), f'<script src="{address}" async></script>'),)
    return ()


def present_box(box: Mailbox, speak: Speaker) -> Box:
    """Return a mailbox as shown."""
    error = box.last_error
    if not box.is_active:
        health, text = "off", speak.say("Paused: nothing is fetched.")
    elif box.failing_since is not None:
        health = "late"
        text = speak.say("Cannot be read since %(time)s.") % {
            "time": speak.clock(box.failing_since)
        }
    elif box.last_ok_at is None:
        health, text = "quiet", speak.say("Not looked into yet.")
    else:
        health = "ok"
        text = speak.say("Read at %(time)s.") % {"time": speak.clock(box.last_ok_at)}
    return Box(
        id=box.id,
        text=f"{box.username} @ {box.host}:{box.port}",
        folder=box.folder,
        every_s=box.every_s,
        is_active=box.is_active,
        health=health,
        health_text=text,
        error=speak.say(error) if error else "",
        left=len(box.left),
        is_oauth=box.auth is MailboxAuth.OAUTH2,
        is_watched=box.watched_until is not None,
        alarm_after_min=box.alarm_after_min,
        sent=box.sent_folder if box.sent_folder in ("", "*") else "named",
        sent_name=box.sent_folder if box.sent_folder not in ("", "*") else "",
        sent_error=str(box.sent.get("error", "")),
    )
