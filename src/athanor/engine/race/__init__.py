"""The race of a run: which trials are fitted, what is known of them, and which model stands on disk."""
