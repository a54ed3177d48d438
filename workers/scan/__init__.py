"""Which files a command line names, and what is said of the decisions on them."""
