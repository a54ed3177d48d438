"""What HTTP costs: the API beside the path that it stands on, over the same images in one run."""
