"""The `pgolf verify` commands; `python -m verify` runs them without pgolf. Wires commands, no logic."""

import click

from verify.commands.audit import audit
from verify.commands.policy import policy
from verify.commands.queue import audit_all
from verify.commands.significance import frontier, significance
from verify.errors import BadInput

HELP = """Judge a submission: a verdict with evidence, from its files alone. Runs nothing of what it judges.

\b
Exit codes: 0 passes, 1 a rule is broken, 2 bad input, 3 nothing broken but something unproven.
"""


class Verify(click.Group):
    """A group whose commands never end with the code of a verdict because a disk is full."""

    def invoke(self, ctx: click.Context):
        try:
            return super().invoke(ctx)
        except OSError as error:
            raise BadInput(
                f"{error.filename or 'standard output'}: {error.strerror}. Nothing half-written is left."
            ) from None


@click.group(cls=Verify, help=HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
def verify() -> None:
    pass


for command in (audit, audit_all, policy, significance, frontier):
    verify.add_command(command)
