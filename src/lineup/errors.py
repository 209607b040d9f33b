"""The one kind of error that is meant for users."""


class LineupError(Exception):
    """Something a user can put right; a stage prints it as one line and exits with status 1."""

    def __init__(self, where: str, found: str, expected: str, fix: str) -> None:
        super().__init__(f"{where}: {found}; expected {expected}; fix: {fix}")
        self.found, self.expected, self.fix = found, expected, fix
