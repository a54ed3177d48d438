"""JSON Schemas of the wire formats, one file for each."""
