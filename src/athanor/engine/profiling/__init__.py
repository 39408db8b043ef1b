"""What is counted of a table, as people see it: each column, how its values are spread, how columns go together."""
