"""`python -m prove`: apart from run.py, so that processes that are forked load nothing of lineup."""

if __name__ == "__main__":
    from lineup.console import stage
    from prove.run import main

    stage(main)
