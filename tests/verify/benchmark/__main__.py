"""`python -m tests.verify.benchmark`: the verifier against labelled and unlabelled real submissions.

Needs PGOLF_BENCHMARK (the folder with cases.json) and PGOLF_CHALLENGE (a clone of the challenge with refs/pull/*/head).
"""

import click

from tests.verify.benchmark.cases import cases
from tests.verify.benchmark.heads import heads
from tests.verify.benchmark.merged import merged
from tests.verify.benchmark.peers import peers


@click.group(help=__doc__, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
def benchmark() -> None:
    pass


for command in (cases, peers, heads, merged):
    benchmark.add_command(command)


if __name__ == "__main__":
    benchmark(prog_name="python -m tests.verify.benchmark")
