"""Handing mail over: by which server, signed by what, at which pace."""
