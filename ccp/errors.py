"""Errors whose message is written for the user."""


class UserError(Exception):
    """Something that the user can fix; the command line prints the message alone, without a traceback."""


class ConfigError(UserError, ValueError):
    """A setting is unknown, out of range, or contradicts another one; the message says what to do."""


class TrainingError(UserError):
    """Training cannot continue; the message says at which step and why."""


class Interrupted(UserError):
    """Training was asked to stop and has saved where it was."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its kind where it has none."""
    return f"{error}".partition("\n")[0] or type(error).__name__
