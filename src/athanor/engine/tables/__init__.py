"""Tables in memory and on disk: what their columns are, what a cell means, and how each form becomes the other."""
