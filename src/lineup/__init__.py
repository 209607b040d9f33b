"""lineup: image classifiers lined up under one set of rules, in a DVC pipeline."""
