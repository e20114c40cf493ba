"""What a user can mend."""


class MendableError(Exception):
    """Something that a user can mend; the message says in one line what, and how.

    The command ``perceptual-edu`` prints it without a traceback.
    """


def one_line(error: BaseException) -> str:
    """What an exception says, without its number, or its name if it says nothing."""
    said = str(error)
    if isinstance(error, OSError) and error.strerror:
        said = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(said.split()) or type(error).__name__


def printable(text: str) -> str:
    """A line for the terminal, on which names with line breaks or control codes do no harm."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
