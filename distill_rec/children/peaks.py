"""Most memory that children took at once, for whoever measures the command that began them."""


class Children:
    """Of all since it was last set to zero."""

    def __init__(self) -> None:
        self.peak_bytes = 0

    def note(self, peak_bytes: int) -> None:
        """Children took so much at once."""
        self.peak_bytes = max(self.peak_bytes, peak_bytes)


children = Children()
