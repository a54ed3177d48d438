"""Says why an image has its score under a policy: by which sentences, which views, which part of the picture."""
