"""A finished model: its files, its members put side by side, and the one way from rows to answers."""
