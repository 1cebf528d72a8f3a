"""What the validation text comes to, whether the tokenizer is the one it was made with, and whether training saw it."""

from itertools import pairwise

import numpy as np
from sentencepiece import SentencePieceProcessor

from pgolf.data.bytes.pieces import byte_tables, target_bytes
from pgolf.harness.dataset import known
from pgolf.harness.dataset.findings import REFETCH, Report
from pgolf.harness.dataset.layout import VOCABULARY_MAX
from pgolf.harness.dataset.overlap import HEAD_TOKENS, Overlap

BLOCK_TOKENS = 1 << 20
FIT_DOCUMENTS = 64
FIT_DOCUMENT_TOKENS_MAX = 4096
FIT_FRACTION_MIN = 0.9  # re-encoding is not the identity on a few odd characters


def documents_of(tokens_N: np.ndarray, bos_id: int) -> list[list[int]]:
    """A few of the first documents, without bos."""
    some_N = np.asarray(tokens_N[:BLOCK_TOKENS])
    starts = np.flatnonzero(some_N == bos_id)[: FIT_DOCUMENTS + 1]
    documents = [some_N[start + 1 : end].tolist() for start, end in pairwise(starts)]
    return [ids for ids in documents if 0 < len(ids) <= FIT_DOCUMENT_TOKENS_MAX]


def check_tokenizer_fit(report: Report, tokenizer: SentencePieceProcessor, tokens_N: np.ndarray, bos_id: int) -> None:
    """Documents, decoded and encoded again, must give the same ids: another tokenizer of the same size does not."""
    documents = documents_of(tokens_N, bos_id)
    if not documents:
        report.open_question(
            "tokenizer-fit", "no validation document to try", f"{FIT_DOCUMENTS}", "Fetch another export"
        )
        return
    pieces = tokenizer.vocab_size()
    same = sum(max(ids) < pieces and tokenizer.encode(tokenizer.decode(ids)) == ids for ids in documents)
    if same < FIT_FRACTION_MIN * len(documents):
        found = f"{same} of {len(documents)} validation documents keep their ids when decoded and encoded again"
        remedy = "Not the tokenizer of these shards: fetch both"
        report.fault("tokenizer-fit", found, f"at least {FIT_FRACTION_MIN:.0%}", remedy)


def piece_bytes(tokenizer: SentencePieceProcessor, tokens_N: np.ndarray) -> np.ndarray:
    """Bytes (N - 1,) of the targets by the tokenizer's pieces."""
    tables = byte_tables(tokenizer, VOCABULARY_MAX)
    blocks = [
        target_bytes(tables, tokens_N[start : start + BLOCK_TOKENS + 1])
        for start in range(0, len(tokens_N) - 1, BLOCK_TOKENS)
    ]
    return np.concatenate([np.zeros(0, np.int16), *blocks])


def check_validation_size(report: Report, bytes_N: np.ndarray, recorded_bytes: int | None) -> None:
    """Targets and bytes of text of the validation stream, (targets,), against the manifest and the published constants."""
    total = report.facts["val_bytes"] = int(bytes_N.sum(dtype=np.int64))
    if recorded_bytes is not None and recorded_bytes != total:
        report.fault("val-bytes", f"{total:,} bytes", f"{recorded_bytes:,} by the manifest", REFETCH)
    targets_by_length = known.VALIDATION_TARGETS.get(report.variant)
    if targets_by_length is None:
        found = f"{len(bytes_N):,} targets, {total:,} bytes of {report.variant}"
        allowed = f"known for {', '.join(known.VALIDATION_TARGETS)} only"
        report.open_question("constants", found, allowed, "Compare with a run you trust")
        return
    for length, allowed_targets in targets_by_length.items():
        usable = len(bytes_N) // length * length
        if usable not in allowed_targets:
            found = f"{usable:,} validation targets at length {length}"
            remedy = "This is the launch export, not comparable" if usable == known.LAUNCH_TARGETS else REFETCH
            report.fault("val-tokens", found, " or ".join(f"{count:,}" for count in sorted(allowed_targets)), remedy)
        usable_bytes = int(bytes_N[:usable].sum(dtype=np.int64))
        if not known.VALIDATION_BYTES_MIN <= usable_bytes <= known.VALIDATION_BYTES_MAX:
            allowed = f"{known.VALIDATION_BYTES_MIN:,} to {known.VALIDATION_BYTES_MAX:,}"
            report.fault("val-bytes", f"{usable_bytes:,} bytes of text at length {length}", allowed, REFETCH)
    documents = report.facts["val_documents"]
    if documents != known.VALIDATION_DOCUMENTS:
        found = f"{documents:,} validation documents"
        report.fault("val-documents", found, f"{known.VALIDATION_DOCUMENTS:,}", REFETCH)


def check_division(report: Report, train_shards: int, shard_tokens: int) -> None:
    """Does this look like what the CaseOps script makes of its defaults? A warning: the overlap says what is the case."""
    signs = {
        f"{train_shards:,} training shards": train_shards == known.LEAK_TRAIN_SHARDS,
        f"training shards of {shard_tokens:,} tokens": shard_tokens == known.LEAK_SHARD_TOKENS,
        f"{report.facts['val_documents']:,} validation documents": (
            report.facts["val_documents"] == known.LEAK_VALIDATION_DOCUMENTS
        ),
    }
    if found := [sign for sign, is_there in signs.items() if is_there]:
        allowed = f"shards of 100,000,000 tokens, {known.VALIDATION_DOCUMENTS:,} validation documents"
        remedy = (
            "prepare_caseops_data.py with its own numbers leaves 80 % of the validation split in training (issue 2127): use "
            "`pgolf data prepare`, or fetch a published export"
        )
        report.open_question("division", " and ".join(found), allowed, remedy)


def check_overlap(report: Report, overlap: Overlap, is_trained: bool) -> None:
    """`is_trained`: there were training shards to compare with."""
    total = overlap.validation_documents
    report.facts |= {"overlap_whole_documents": overlap.whole, "overlap_head_documents": overlap.heads}
    if not is_trained or not total:
        report.open_question("overlap", "no training or no validation documents to compare", "both", "Fetch them")
        return
    kinds = (
        ("", overlap.whole, known.WHOLE_FRACTION_MAX, overlap.whole_shards),
        (f", by their first {HEAD_TOKENS} tokens,", overlap.heads, known.HEAD_FRACTION_MAX, overlap.head_shards),
    )
    for what, count, fraction_max, shards in kinds:
        if not count:
            continue
        most = sorted(shards, key=lambda name: -shards[name])
        where = ", ".join(f"{name} ({shards[name]:,})" for name in most[:3])
        more = f" and {len(most) - 3} more" if len(most) > 3 else ""
        found = f"{count:,} of {total:,} validation documents{what} are in training: {where}{more}"
        if count > fraction_max * total:
            remedy = "Training saw the validation split: delete these shards, fetch the published export"
            report.fault("overlap", found, f"up to {fraction_max:.0%}", remedy)
        else:
            remedy = "May be text that recurs by nature; look at them"
            report.open_question("overlap", found, f"none, or up to {fraction_max:.0%} that recur", remedy)
