"""Training only a part of a network: what is held back, and features of frozen layers computed once."""
