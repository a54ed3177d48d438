"""Pure rules: policy files, ensembles, scoring, verdicts. No I/O, no clock, no thread."""
