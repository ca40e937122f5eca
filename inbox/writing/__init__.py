"""What is being written, until it leaves: drafts, undoing, sending later, mentions."""
