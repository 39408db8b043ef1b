"""Gaussian processes: the kernel, how its scales are found, and how they are asked."""
