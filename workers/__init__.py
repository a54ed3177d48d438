"""Processes and the command line: settings, assembly, the moderator's loop, one module per command."""
