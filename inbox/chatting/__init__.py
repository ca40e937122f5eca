"""What goes on around a chat while nobody writes in it."""
