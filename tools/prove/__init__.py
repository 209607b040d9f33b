"""Proof by bits that changed code gives the same results: `make prove SINCE=<commit>`.

run      the one command: which stages have other code than that commit, and the record of what was proven
side     a commit laid out in a folder, with shortened recipes, and its stages run there
extract  a few images of each view, the same for both sides
bits     whether two sides left the same bits
"""
