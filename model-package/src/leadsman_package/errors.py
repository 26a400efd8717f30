"""What can go wrong with a package, told in one sentence for people."""


class PackageError(Exception):
    """The message says what was wrong, where, and what was expected.

    `transient` says whether the same may succeed later, as a connection that broke does.
    """

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient
