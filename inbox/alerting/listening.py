"""What people write to the bot: the code that links their chat, and "I have it".

One worker listens at a time. What is heard twice, because a worker died in between, does no
harm: a code works once, a notice is taken once.
"""

import logging
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import Session

from inbox.alerting.bot import Bot, find_bot
from inbox.alerting.choices import Choices, link_chat
from inbox.alerting.taking import take
from inbox.alerting.telegram import HAVE
from inbox.auth import hash_token
from inbox.channels.telegram import BotApi, Pressed, Update, Written
from inbox.clock import utcnow
from inbox.db import Database
from inbox.errors import ChannelError
from inbox.settings import Settings
from inbox.store import links
from inbox.store.company import find_company
from inbox.store.people import forget_count, take_turn
from inbox.templating import N_, translator
from inbox.vault import Sealed, Vault
from models import Agent, Notice
from models.base import columns, core

log = logging.getLogger(__name__)

agents = columns(Agent)
notices = columns(Notice)

PURPOSE = "telegram"  # of the one-time code
CODE_WORKS_FOR = timedelta(minutes=30)
WAIT_S = 20
LEASE = timedelta(seconds=WAIT_S + 15)
TURN = "telegram-listening"
PAUSE = timedelta(seconds=15)  # after Telegram could not be heard
MOST_INT = 2**31 - 1

LINKED = N_("Linked. Your alerts from %(company)s come here now.")
NO_CODE = N_("This code does not work. Get a new one in Kịp, under “My account”.")
HAVE_IT = N_("Noted: you have it.")
HAD_IT = N_("This was taken note of already.")
NOT_YOURS = N_("This alert is not yours.")


class TelegramListen:
    """Hears what is written to the company's bot."""

    def __init__(self, database: Database, settings: Settings, secret: bytes) -> None:
        self._database = database
        self._settings = settings
        self._vault = Vault(secret)
        self._offset: int | None = None
        self._of = ""  # the sealed token that the offset belongs to
        self._not_before: datetime | None = None

    async def once(self) -> bool:
        """Listen for some seconds; True if it did."""
        now = utcnow()
        if self._not_before is not None and now < self._not_before:
            return False
        bot = await self._database.read(find_bot)
        if bot is None:
            return False
        until = now + LEASE
        if not await self._database.write(take_turn, TURN, 1, expires_at=until, now=now):
            self._not_before = now + PAUSE  # another worker listens
            return False
        self._not_before = None
        try:
            await self._listen(bot)
        except (ChannelError, Sealed) as error:
            log.warning("Telegram: %s", error.message)
            self._not_before = utcnow() + PAUSE
        await self._database.write(forget_count, TURN)
        return self._not_before is None

    async def _listen(self, bot: Bot) -> None:
        if bot.sealed != self._of:
            self._of, self._offset = bot.sealed, None
        token = bot.token(self._vault)
        async with BotApi(self._settings.telegram_url, token) as api:
            for update in await api.get_updates(self._offset, WAIT_S):
                try:
                    await self._hear(api, update)
                except ChannelError as error:  # the answer; what was asked is done
                    log.warning("Telegram: %s", error.message)
                self._offset = update.update_id + 1

    async def _hear(self, api: BotApi, update: Update) -> None:
        if update.message is not None and update.message.chat.type == "private":
            said = await self._database.write(hear_code, update.message, utcnow())
            await api.send_message(str(update.message.chat.id), said)
        elif update.callback_query is not None:
            said = await self._database.write(hear_button, update.callback_query, utcnow())
            await api.answer(update.callback_query.id, said)


def hear_code(session: Session, written: Written, now: datetime) -> str:
    """Link the chat that sent a code to whoever the code was made for; return the answer."""
    company = find_company(session)
    name = company.name if company is not None else ""
    spoken = company.language if company is not None else "vi"
    code = written.text.split()[-1] if written.text.split() else ""
    agent_id = links.use_link_of(session, hash_token(code), PURPOSE, now) if code else None
    agent = session.get(Agent, agent_id) if agent_id is not None else None
    if agent is None or not agent.is_active:
        return translator(spoken).gettext(NO_CODE)
    chat = str(written.chat.id)
    for other_id in _linked_to(session, chat) - {agent.id}:
        link_chat(session, other_id, "", "", by=agent.id, now=now)
    shown = written.chat.username or written.chat.first_name
    link_chat(session, agent.id, chat, shown, by=agent.id, now=now)
    return translator(agent.language).gettext(LINKED) % {"company": name}


def _linked_to(session: Session, chat: str) -> set[int]:
    rows = session.execute(select(agents.id, agents.alerts))
    return {row.id for row in rows if Choices.of(row.alerts).chat == chat}


def hear_button(session: Session, pressed: Pressed, now: datetime) -> str:
    """Take note of an alert for whoever it was sent to; return the answer."""
    number = pressed.data.removeprefix(HAVE)
    known = pressed.data.startswith(HAVE) and number.isdecimal() and int(number) <= MOST_INT
    row = session.execute(
        select(notices.agent_id, agents.alerts, agents.language)
        .join(core(Agent), agents.id == notices.agent_id)
        .where(notices.id == (int(number) if known else 0), agents.is_active.is_(True))
    ).one_or_none()
    if row is None or Choices.of(row.alerts).chat != str(pressed.sender.id):
        company = find_company(session)
        return translator(company.language if company is not None else "vi").gettext(NOT_YOURS)
    say = translator(row.language).gettext
    return say(HAVE_IT) if take(session, row.agent_id, [int(number)], now) else say(HAD_IT)
