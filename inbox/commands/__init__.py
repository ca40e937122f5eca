"""Command groups of ``kip``; each module is loaded when its command is asked for."""
