"""What people do to many conversations at once, what they take back, and their saved views."""
