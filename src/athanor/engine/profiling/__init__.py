"""What is counted of a table for people: each column, how its values are spread, and how columns go together."""
