"""Trees of every learner, as they are fitted, kept in one text format and walked by one library."""
