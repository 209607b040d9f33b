"""All runs side by side: table, pictures and report."""
