"""Collections: datasets seen as vectors with attributes, under names in a user's projects, and models of them."""
