"""People's calendars: a feed of what is due, and their own, which say when they are busy."""
