"""Learns from tables. Knows no web, no database, no project and no job."""
