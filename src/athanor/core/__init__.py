"""The nouns and their rules. Imports the engine's values and nothing above."""
