"""Kịp: the unified inbox that keeps a company's promises."""

__version__ = "0.1.0"
