"""The web's handlers: each parses, calls one service, and renders from values."""
