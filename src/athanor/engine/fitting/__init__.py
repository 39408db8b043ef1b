"""How one fold of one trial is fitted, on which rows, and what is kept of it."""
