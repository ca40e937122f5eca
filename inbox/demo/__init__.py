"""The sample company: who works there, what has happened, and what keeps coming in."""
