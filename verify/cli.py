"""The `pgolf verify` commands; `python -m verify` runs them without pgolf. Wires commands, no logic."""

import click

from verify.commands.audit import audit
from verify.commands.policy import policy
from verify.commands.queue import audit_all
from verify.commands.significance import frontier, significance

HELP = """Judge a submission: a verdict with evidence, from its files alone. Runs nothing of what it judges.

\b
Exit codes: 0 passes, 1 a rule is broken, 2 bad input, 3 nothing broken but something unproven.
"""


@click.group(help=HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
def verify() -> None:
    pass


for command in (audit, audit_all, policy, significance, frontier):
    verify.add_command(command)
