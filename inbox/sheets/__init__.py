"""Sheets of accounts and contacts: read, judged row by row, brought in, and given out."""
