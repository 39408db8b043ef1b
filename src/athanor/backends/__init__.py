"""What fills the ports of `core/ports.py`: databases, blob stores, and their twins in memory."""
