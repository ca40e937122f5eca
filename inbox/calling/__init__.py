"""Telephone: calls that a switchboard tells of, and those that one of us writes down."""
