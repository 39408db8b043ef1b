"""What a model's score owes to each column."""
