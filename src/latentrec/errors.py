"""Errors raised on purpose: each names the thing, the value, the rule and the way out."""


class LatentrecError(Exception):
    """Base of all errors raised on purpose; the command line prints one line and exits with 2."""


class ConfigError(LatentrecError):
    """A configuration value is unknown, out of range, or does not fit another one."""


class DataError(LatentrecError):
    """Input data break a rule: the message names file, line, column, value and rule if known."""


class CheckpointError(LatentrecError):
    """A run folder or checkpoint is missing, incomplete, changed or of another format version."""


class TrainingError(LatentrecError):
    """Training cannot go on, for example because a loss is not finite."""


class StoreError(LatentrecError):
    """The history store cannot be reached, read or written."""


class UnknownItemError(LatentrecError):
    """An item id is not in the catalogue of the run."""
