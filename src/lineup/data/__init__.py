"""Prepared images: canonical records, views and packed files."""
