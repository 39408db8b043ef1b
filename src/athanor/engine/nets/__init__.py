"""A small neural net in numpy: many nets of one architecture side by side, each with its own rows, seed and rates."""
