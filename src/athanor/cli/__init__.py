"""SPEAKS TERMINAL. Every command parses, calls one thing below, and prints; heavy libraries load when they are used."""
