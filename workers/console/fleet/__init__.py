"""The workers, seen from outside: where their group stands, and what their own metrics say."""
