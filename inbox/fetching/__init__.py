"""Around reading mailboxes: signing in, waiting for news, counting, answers sent elsewhere."""
