"""An archive's report as a person, a browser and Prometheus see it."""
