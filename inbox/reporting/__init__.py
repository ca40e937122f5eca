"""The report on promises: what counts for which day, and closing a day for good."""
