"""Training a CLIP model: the plan, the batches, the loss, the model, the run."""
