"""The pages: a module, a template and a line in `registry.PAGES` for each."""
