"""How fast training is: `make bench`, at most ten minutes for a model.

run      the one command: params.yaml and, where it is there, a prepared view in; tables and a JSON file out
report   the figures, and that file: written after each model, kept for models measured later
job      what a process is asked to compute, and on which images
roles    the loops that are compared
child    a process a role
rounds   turns and rounds, and the ratios within them
others   who else computes meanwhile
tables   what is printed

Each role is a process of its own; they compute in turns, in rounds that rotate the order, and are compared
within a round, so that a machine that slows down slows all of them. Every round has new processes: where a
process happens to lie in memory makes it faster or slower by some per cent for as long as it lives. A round
in which other processes took processor time is repeated, while time is left. Validation and checkpoints are
in no figure.
"""
