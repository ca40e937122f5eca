"""Looking after an installation: checks, backups, moving to another database."""
