"""Webhooks to other systems: their settings, what they are told, and how it is sent."""
