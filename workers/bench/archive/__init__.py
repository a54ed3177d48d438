"""How fast is the past asked? An archive of a chosen size, and a module for each question that is put to it."""
