"""What a result depends on: the meaning of the code that made it, and proofs that two codes mean the same."""
