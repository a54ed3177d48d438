"""Runs the lab's long commands with a person's settings: a training run, the card of a model."""
