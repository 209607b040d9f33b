"""What the parameters come to: frozen, typed values, which stages and the library are given."""
