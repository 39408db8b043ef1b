"""A finished model: its files, its members put side by side, what it relies on, the one way from rows to answers."""
