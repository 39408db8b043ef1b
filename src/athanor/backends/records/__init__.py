"""Records in SQL: which nouns there are, their rows and tables, the transactions over them, and the migrations."""
