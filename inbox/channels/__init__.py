"""Ways in and out: each module here reads or sends for one kind of channel."""
