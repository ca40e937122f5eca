"""What is dated: reminders, milestones, and what an answer says of the time after it."""
