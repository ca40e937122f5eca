"""Prepared words: what people insert, what macros do, what our own mails say."""
