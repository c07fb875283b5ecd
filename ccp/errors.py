"""The kind of error whose message is written for the user."""


class UserError(Exception):
    """Something that the user can mend; the CLI prints the message alone, without a traceback."""
