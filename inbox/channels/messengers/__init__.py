"""Messengers: what each provider sends and takes, as its documentation describes it."""
