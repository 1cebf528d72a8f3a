"""Every error pgolf raises on purpose: what was found, what is allowed, what to do.

    PgolfError (1)
    ├── InputError (2)           a recipe, a file or an argument is wrong
    │   └── DataError (2)        a shard, a manifest or a tokenizer is missing or damaged
    ├── StageError (3)           a stage stopped: a rank died, a loss was not finite, the disk was full
    ├── BudgetError (4)          time or bytes over what the recipe allows
    ├── ArtifactError (5)        the model file is damaged or belongs to another program
    └── ScoreOrderError (6)      a token was about to be scored twice, late, or never

The number is the exit code of the process that ends with it. `assert` is for our own bugs.
"""


class PgolfError(Exception):
    exit_code = 1


class InputError(PgolfError):
    exit_code = 2


class DataError(InputError):
    pass


class StageError(PgolfError):
    exit_code = 3


class BudgetError(PgolfError):
    exit_code = 4


class ArtifactError(PgolfError):
    exit_code = 5


class ScoreOrderError(PgolfError):
    exit_code = 6
