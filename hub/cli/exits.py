"""What the command says to a script: exit codes, documented in docs/operations.md."""

from __future__ import annotations

from enum import IntEnum

from hub.errors import AskError, ConflictError, HubError, NotSupportedError, RetryableError, SetupError


class Exit(IntEnum):
    OK = 0
    FAILED = 1  # it ran, and what it ran did not succeed
    USAGE = 2  # the command line itself is wrong (typer's own code)
    SETUP = 3  # a landlord file, a setting, a secret or a plugin is wrong
    AGAIN = 4  # the far side did not answer: trying later may work
    UNKNOWN = 5  # no such landlord, feed, run, job or person
    CONFLICT = 6  # what it was asked of has changed meanwhile: look again


def exit_code(error: HubError) -> Exit:
    """By what a person would do next."""
    if isinstance(error, SetupError | NotSupportedError):
        return Exit.SETUP
    if isinstance(error, RetryableError):
        return Exit.AGAIN
    if isinstance(error, ConflictError):
        return Exit.CONFLICT
    if isinstance(error, AskError):
        return Exit.UNKNOWN
    return Exit.FAILED
