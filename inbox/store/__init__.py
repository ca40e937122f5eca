"""Queries. What a person may see is decided here, where rows are loaded."""
