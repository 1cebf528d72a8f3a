"""`python -m verify`: the commands of cli.py, with one message and an exit code for every expected error."""

import sys

import click

from verify.cli import verify
from verify.errors import VerifyError


def main() -> None:
    try:
        code = verify(prog_name="python -m verify", standalone_mode=False)
    except VerifyError as error:
        click.echo("\n".join(f"verify: {line}" for line in str(error).splitlines()), err=True)
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("verify: interrupted; nothing half-written is left.", err=True)
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
