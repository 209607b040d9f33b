"""What measurements say beyond their means: intervals, tests, ranks. It knows numbers only, no runs."""
