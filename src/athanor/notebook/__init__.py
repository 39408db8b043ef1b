"""What `import athanor` offers: a table in any kind of frame, a model, and answers in the same kind of frame."""
