"""A profile as one HTML file, which needs nothing but a browser."""
