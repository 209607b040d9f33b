"""Declared grids of experiments on DVC's queue: what to try, what has a result, and which is best."""
