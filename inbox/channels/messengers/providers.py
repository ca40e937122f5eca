"""The messengers that there are: a new one is an object here, and a kind of channel."""

from collections.abc import Mapping

from inbox.channels.messengers.facebook import Facebook
from inbox.channels.messengers.provider import Provider
from inbox.channels.messengers.telegram_bot import TelegramBot
from inbox.channels.messengers.whatsapp_cloud import WhatsApp
from inbox.channels.messengers.zalo import Zalo

PROVIDERS: Mapping[str, Provider] = {
    one.kind: one for one in (Zalo(), Facebook(), TelegramBot(), WhatsApp())
}
