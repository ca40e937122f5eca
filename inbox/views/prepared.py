"""The handlers of prepared words: saved replies, macros, what our own mails say."""

from inbox.views import macros, saved, settings_macros, settings_mails, settings_replies

HANDLERS = (
    *saved.HANDLERS,
    *macros.HANDLERS,
    *settings_replies.HANDLERS,
    *settings_macros.HANDLERS,
    *settings_mails.HANDLERS,
)
