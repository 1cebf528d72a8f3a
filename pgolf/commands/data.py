"""pgolf data: fetch, prepare and check the shards. The harness is imported when a command runs, not for `--help`."""

from pathlib import Path

import click

from pgolf.commands.options import data_dir_option


@click.group()
def data() -> None:
    """Fetch, prepare and check data sets."""


@data.command()
@click.option("--variant", required=True, help="Tokenizer and vocabulary, for example sp1024, sp4096, sp8192.")
@click.option("--train-shards", type=click.IntRange(min=0), required=True, help="How many, from the first on.")
@click.option("--repo", default="willdepueoai/parameter-golf", show_default=True, help="Hugging Face data set.")
@click.option("--prefix", default="datasets", show_default=True, help="Folder of the export inside the data set.")
@data_dir_option
def fetch(variant: str, train_shards: int, repo: str, prefix: str, data_dir: Path) -> None:
    """Fetch shards and tokenizer from the Hugging Face hub, each file proven before it gets its name.

    Validation always comes in full, with its side-cars where the variant is a CaseOps one. What is here already stays; a
    broken download continues. PR 1394 trained on the first 128 sp8192 shards of --repo kevclark/parameter-golf, PR 1855 on
    80 shards of sp8192_lossless_caps_caseops_v1_reserved of --repo romeerp/parameter-golf-caseops-v1. HF_ENDPOINT names
    another hub, HF_TOKEN is sent to it.
    """
    from pgolf.harness.dataset.fetch import fetch as fetch_dataset
    from pgolf.harness.dataset.layout import Layout

    done = fetch_dataset(Layout(data_dir, variant), train_shards, repo, prefix)
    click.echo(
        f"{done.variant}: fetched {done.fetched_files} files ({done.fetched_bytes:,} bytes), "
        f"{done.kept_files} were here already; {repo} at commit {done.commit}"
    )


@data.command()
@click.argument("documents", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "how",
    type=click.Choice(["plain", "caseops"]),
    required=True,
    help="The text itself, or its CaseOps transform with side-cars of bytes (PR 1729).",
)
@click.option("--vocab-size", type=int, help="Pieces of the tokenizer that is trained.  [default: 8192]")
@click.option("--tokenizer", type=click.Path(path_type=Path), help="A SentencePiece model; without it, one is trained.")
@click.option(
    "--tokenizer-documents",
    type=click.IntRange(min=1),
    metavar="N",
    help="Train the tokenizer on the first N documents (the published sp8192: 5000000). SentencePiece holds them all in "
    "memory.  [default: all]",
)
@click.option("--variant", help="Name of the data set.  [default: sp8192 or sp8192_lossless_caps_caseops_v1_reserved]")
@click.option("--jobs", type=click.IntRange(min=1), help="Processes.  [default: one for each core]")
@data_dir_option
def prepare(
    documents: Path,
    how: str,
    vocab_size: int | None,
    tokenizer: Path | None,
    tokenizer_documents: int | None,
    variant: str | None,
    jobs: int | None,
    data_dir: Path,
) -> None:
    """Make shards from DOCUMENTS, the challenge's docs_selected.jsonl (plain, gzip or zstd).

    The first 50,000 documents are the validation split, always, so keep their order. (The CaseOps script of the public
    records takes 10,000 unless told otherwise; the other 40,000, 80 % of the split, then stand in training: issue 2127.)
    Shards of 10^8 tokens, bos before each document. The files are the same whatever --jobs is. The data set appears when
    all of it is there; `pgolf data check` then says what it is worth.
    """
    from pgolf.harness.dataset import prepare as preparing

    layout, vocab = preparing.chosen(data_dir, how == "caseops", variant, vocab_size, tokenizer, tokenizer_documents)
    made = preparing.prepare(layout, documents, vocab, tokenizer, tokenizer_documents, jobs or preparing.processes())
    for split in ("val", "train"):
        click.echo(
            f"{split}: {made.numbers[f'docs_{split}']:,} documents, {made.numbers[f'tokens_{split}']:,} tokens, "
            f"{made.numbers[f'files_{split}']} shards"
        )
    click.echo(f"val: {made.numbers['bytes_val']:,} bytes of text")
    click.echo(f"{made.folder}: digest {made.digest}")


@data.command()
@click.option("--vocab", type=int, default=1024, show_default=True, help="Size of the tokenizer's vocabulary.")
@click.option("--caseops", "is_caseops", is_flag=True, help="The CaseOps twin, democaseops<vocab>, instead.")
@data_dir_option
def demo(vocab: int, is_caseops: bool, data_dir: Path) -> None:
    """Make the variant demo<vocab> from English text that comes with Python, without a download.

    The last line printed is a digest of all its files; the same Python and sentencepiece give the same one.
    """
    from pgolf.harness.dataset.demo import ensure_demo

    made = ensure_demo(data_dir, vocab, is_caseops)
    click.echo(f"{made.variant}: {'built' if made.was_built else 'was here already, digests match, nothing done'}")
    for split, documents, tokens, text_bytes, files in (
        ("train", made.docs_train, made.tokens_train, made.bytes_train, made.files_train),
        ("val", made.docs_val, made.tokens_val, made.bytes_val, made.files_val),
    ):
        click.echo(
            f"{split}: {documents:,} documents, {tokens:,} tokens, {text_bytes:,} bytes of text, "
            f"{text_bytes / tokens:.4f} bytes per token, {files} shards"
        )
    click.echo(f"digest {made.digest}")


@data.command()
@click.option("--variant", required=True, help="The data set to check, for example sp8192 or demo1024.")
@click.option(
    "--train-shards", type=click.IntRange(min=0), help="Only the first so many; without it, all that are here."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
@data_dir_option
@click.pass_context
def check(context: click.Context, variant: str, train_shards: int | None, as_json: bool, data_dir: Path) -> None:
    """Read every shard: is the data set whole, the published one, and is validation text absent from training?

    Exit code 0 without findings, 1 with findings, 2 when there is nothing to check. "unproven" lines are no findings,
    and no pass either: what could not be compared with anything.
    """
    import json

    from pgolf.harness.dataset.check import check as check_dataset
    from pgolf.harness.dataset.layout import Layout

    report = check_dataset(Layout(data_dir, variant), train_shards)
    if as_json:
        click.echo(json.dumps(report.as_dict(), indent=2))
    else:
        for finding in report.findings:
            click.echo(f"finding   {finding}")
        for finding in report.unproven:
            click.echo(f"unproven  {finding}")
        facts = ", ".join(f"{name} {value:,}" for name, value in report.facts.items())
        click.echo(f"{variant}: {len(report.findings)} findings, {len(report.unproven)} unproven ({facts})")
    context.exit(0 if report.clean else 1)
