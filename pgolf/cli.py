"""The `pgolf` command: wires commands, no logic. Nothing heavy is imported before a command runs."""

import sys

import click

from pgolf.commands.data import data
from pgolf.commands.quant import quant
from pgolf.commands.recipe import bundle, bytes_, recipe
from pgolf.commands.run import record, run
from pgolf.core.errors import PgolfError
from verify.cli import verify
from verify.errors import VerifyError

HELP = """Reproducible runs for the Parameter Golf challenge: a recipe in, a record folder out; a submission in, a verdict out.

\b
Exit codes: 0 well, 1 a finding, 2 bad input, 3 a stage failed, 4 over budget, 5 a damaged artifact,
6 a token scored out of order, 130 interrupted.
"""


@click.group(help=HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="pgolf")
def cli() -> None:
    pass


for command in (record, run, verify, recipe, bundle, bytes_, data, quant):
    cli.add_command(command)


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    Use it as `eval "$(pgolf completion bash)"`.
    """
    from click.shell_completion import get_completion_class

    maker = get_completion_class(shell)
    assert maker is not None
    click.echo(maker(cli, {}, "pgolf", "_PGOLF_COMPLETE").source())


def main() -> None:
    """Run the command line; every expected error is one message and its exit code."""
    try:
        code = cli(prog_name="pgolf", standalone_mode=False)
    except (PgolfError, VerifyError) as error:
        click.echo("\n".join(f"pgolf: {line}" for line in str(error).splitlines()), err=True)
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("pgolf: interrupted; nothing half-written is left. Run again to resume.", err=True)
        code = 130
    except OSError as error:
        click.echo(f"pgolf: {error.filename or 'a file'}: {error.strerror}. Nothing half-written is left.", err=True)
        code = 3
    sys.exit(code)
