"""How does a product ask that cannot wait for Kafka? ``/v1/judge``, ``/v1/embeddings`` and what describes them."""
