"""The company's Telegram bot: entered, tested, taken away."""

from typing import Any

from litestar import Response, get, post
from sqlmodel import Session

from inbox.alerting.bot import Bot, count_linked, find_bot
from inbox.channels.telegram import BotApi
from inbox.clock import utcnow
from inbox.company import bot as service
from inbox.errors import ChannelError, Conflict
from inbox.templating import N_
from inbox.vault import Sealed, Vault
from inbox.views.render import page, words
from inbox.views.settings_form import done, texts_of
from inbox.views.settings_mailboxes import Probe
from inbox.views.site import HttpRequest, person, read, site, write

ADDRESS = "/settings/telegram"
MOST_CHARS = 200
WORKS = N_("Telegram knows it: @%(name)s.")
NO_TOKEN = N_("Enter the token that @BotFather gave you.")


def _load(session: Session) -> tuple[Bot | None, int]:
    return find_bot(session), count_linked(session)


async def _page(
    request: HttpRequest, probe: Probe | None = None, code: int = 200
) -> Response[Any]:
    bot, linked = await read(request, _load)
    return await page(
        request,
        "settings/telegram.html",
        code=code,
        active="settings",
        bot=bot.username if bot is not None else "",
        linked=linked,
        probe=probe,
    )


async def _ask(request: HttpRequest, token: str) -> tuple[str, Probe]:
    """Ask Telegram who the bot is; return its name, "" if that failed, and how it went."""
    say = words(request)
    try:
        async with BotApi(site(request).settings.telegram_url, token) as api:
            name = (await api.get_me()).username
    except ChannelError as error:
        return "", Probe(False, say(N_("The bot could not be reached.")), said=error.message)
    return name, Probe(True, say(WORKS) % {"name": name})


@get("/settings/telegram", opt={"access": "admin"})
async def show_bot(request: HttpRequest) -> Response[Any]:
    """Show the bot, and how many people have linked a chat."""
    return await _page(request)


@post("/settings/telegram", opt={"access": "admin", "fields": ("token",)})
async def enter(request: HttpRequest) -> Response[Any]:
    """Store a bot's token, if Telegram knows it."""
    token = (await texts_of(request, ("token",)))["token"].strip()
    if not token or len(token) > MOST_CHARS or not _is_token(token):
        return await _page(request, Probe(False, words(request)(NO_TOKEN)), 422)
    name, probe = await _ask(request, token)
    if not probe.is_ok:
        return await _page(request, probe, 422)
    await write(
        request,
        service.enter_bot,
        name,
        token,
        Vault(site(request).secret),
        by=person(request).id,
        now=utcnow(),
    )
    site(request).forget_company()
    return done(request, ADDRESS, N_("The bot @%(name)s is entered."), name=name)


def _is_token(token: str) -> bool:
    """Tell whether it looks like one: a number, a colon, letters that an address can hold."""
    number, colon, rest = token.partition(":")
    plain = rest.replace("-", "").replace("_", "")
    return number.isdecimal() and bool(colon) and plain.isascii() and plain.isalnum()


@post("/settings/telegram/test", opt={"access": "admin", "fields": ()})
async def test(request: HttpRequest) -> Response[Any]:
    """Ask Telegram about the bot as it is stored."""
    bot = await read(request, find_bot)
    if bot is None:
        raise Conflict("There is no Telegram bot yet. Ask an administrator to enter one.")
    try:
        _, probe = await _ask(request, bot.token(Vault(site(request).secret)))
    except Sealed as error:
        probe = Probe(False, words(request)(error.message))
    return await _page(request, probe)


@post("/settings/telegram/removal", opt={"access": "admin", "fields": ()})
async def remove(request: HttpRequest) -> Response[Any]:
    """Forget the bot."""
    await write(request, service.remove_bot, by=person(request).id, now=utcnow())
    return done(request, ADDRESS, N_("The bot is removed."))
