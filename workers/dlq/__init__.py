"""Dead letters at work: found by filters, shown, saved, replayed and purged."""
