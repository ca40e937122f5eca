"""By what, and when, an alert leaves the page and goes out to a person."""
