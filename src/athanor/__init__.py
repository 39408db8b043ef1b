"""Athanor: a table goes in, a model comes out that is deployed and watched. docs/architecture.md shows the way."""
