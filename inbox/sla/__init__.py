"""Deadlines: calendars, targets, promises and the ladder of warnings. No rows, no clock."""
