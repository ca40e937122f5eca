"""Triage: what a message asks for and how soon it hurts. Pure functions of text."""
