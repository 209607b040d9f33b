"""Measured runs as pictures."""
