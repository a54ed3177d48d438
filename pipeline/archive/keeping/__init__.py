"""Taking records in: from what was polled to files that are durable, each event once."""
