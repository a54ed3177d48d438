"""The pipeline takes images from Kafka, judges them by policies, and answers each with a decision or a dead letter.

Read in this order: ``items`` (what travels), ``path`` (what happens to it, and how the stages overlap), ``rules``
(what is decided on the way), ``ports`` (what the outside must offer), ``adapters`` (what offers it).
"""
