"""What columns are to a model: what it relies on, and what its score owes to each."""
