"""``sluice topics``: topics in Kafka."""
