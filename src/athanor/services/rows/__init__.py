"""The rows of datasets: how they are taken in, kept as segments, found, merged, written anew and given out."""
