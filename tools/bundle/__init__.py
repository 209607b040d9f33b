"""To another machine and back: pack runs and what they need, run them there, merge what came of it.

pack     here: `make bundle`, with wheels
unpack   there: the one command, with interpreter and work; standard library only
merge    here: `make unbundle`
parts    the form in which files travel, both ways
"""

# What a run is made of, in the order of doing; dvc.yaml calls the stages train@<run> and evaluate@<run>.
STEPS = ("train", "evaluate")
