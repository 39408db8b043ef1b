"""Tables in memory and on disk: what their columns are, what is counted of them, how each form becomes the other."""
