"""What a user can mend."""


class MendableError(Exception):
    """Something that a user can mend; the message says in one line what, and how.

    The command ``perceptual-edu`` prints it without a traceback.
    """
