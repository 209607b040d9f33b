"""The pipeline with its trainings side by side: `make repro JOBS=2`.

scheduler  stages in processes of their own, as many as there is room for
run        the one command: kinds of stages in the order of DVC's graph
"""
