"""Mail from before us: read from files, and made part of what we know."""
