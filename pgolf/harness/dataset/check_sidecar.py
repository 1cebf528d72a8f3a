"""Do the side-cars of a CaseOps variant count the bytes of the text that its tokens stand for?

Tokens hold the text as SentencePiece normalised it (runs of spaces become one, a ligature two letters); side-cars count the
text before. So most entries must be those of the pieces, not all of them.
"""

import numpy as np
from sentencepiece import SentencePieceProcessor

from pgolf.data.bytes.pieces import SPACE
from pgolf.harness.dataset import caseops
from pgolf.harness.dataset.check_text import documents_of
from pgolf.harness.dataset.findings import REFETCH, Report
from pgolf.harness.dataset.layout import VOCABULARY_MAX

TOKEN_FRACTION_MIN = 0.9  # of entries that are those of their pieces; another tokenizer or a shift gives about 0.3
TOTAL_FRACTION_MAX = 0.01  # by which all bytes may differ from those of the normalised text, or a warning
TRANSFORM_FRACTION_MIN = 0.9  # normalisation can join words that were apart


def check_transform(report: Report, tokenizer: SentencePieceProcessor, tokens_N: np.ndarray, bos_id: int) -> None:
    """Documents must be texts that the transform has written: decoded and transformed again, they are the same."""
    documents = [tokenizer.decode(ids) for ids in documents_of(tokens_N, bos_id)]
    same = sum(map(is_transformed, documents))
    if same < TRANSFORM_FRACTION_MIN * len(documents):
        found = f"{same} of {len(documents)} validation documents are CaseOps text"
        report.fault(
            "caseops", found, f"at least {TRANSFORM_FRACTION_MIN:.0%}", "Of another transform: fetch another export"
        )


def is_transformed(text: str) -> bool:
    try:
        return caseops.encode(caseops.decode(text)) == text
    except caseops.CaseOpsError:
        return False


def check_sidecar(
    report: Report,
    tokenizer: SentencePieceProcessor,
    tokens_N: np.ndarray,
    sidecars: list[np.ndarray | None],
    bos_id: int,
) -> np.ndarray | None:
    """The bytes (N - 1,) of the targets, by the side-cars; None when one is missing, which was reported."""
    here = [sidecar for sidecar in sidecars if sidecar is not None]
    if len(here) != len(sidecars):
        return None
    bytes_N = np.concatenate(here)
    expected_V, is_plain_V, is_silent_V = tables(tokenizer, bos_id)
    is_silent_N = is_silent_V[tokens_N]
    is_silent_N[1:] &= tokens_N[:-1] != tokenizer.piece_to_id(caseops.ESC)  # a mark that stands in the text itself
    loud = int(np.count_nonzero(bytes_N[is_silent_N]))
    if loud:
        allowed = "0 for bos and the marks for capitals"
        report.fault("sidecar-marks", f"{loud:,} of their tokens stand for bytes", allowed, REFETCH)
    plain_N = is_plain_V[tokens_N]
    same = np.count_nonzero(bytes_N[plain_N] == expected_V[tokens_N[plain_N]])
    if same < TOKEN_FRACTION_MIN * np.count_nonzero(plain_N):
        found = f"{same / np.count_nonzero(plain_N):.1%} of entries are the bytes of their piece"
        report.fault("sidecar-fit", found, f"at least {TOKEN_FRACTION_MIN:.0%}", REFETCH)
    elif not loud:
        compare_documents(report, bytes_N, expected_V[tokens_N], tokens_N == bos_id)
    return bytes_N[1:]


def compare_documents(report: Report, bytes_N: np.ndarray, expected_N: np.ndarray, starts_N: np.ndarray) -> None:
    """Sums by document against the text that its tokens decode to."""
    starts_D = np.flatnonzero(starts_N)
    if not len(starts_D):
        return
    found_D, expected_D = (np.add.reduceat(some.astype(np.int64), starts_D) for some in (bytes_N, expected_N))
    differing = int(np.count_nonzero(found_D != expected_D))
    surplus = int((found_D - expected_D).sum())
    report.facts |= {"sidecar_documents_differing": differing, "sidecar_surplus_bytes": surplus}
    indented = report.variant.startswith("demo")  # docstrings: runs of spaces in every other line
    if abs(surplus) > TOTAL_FRACTION_MAX * expected_D.sum() and not indented:
        found = f"{found_D.sum():,} bytes for tokens that decode to {expected_D.sum():,}, in {differing:,} documents"
        remedy = "Odd text, or bytes that no text has: compare with the documents"
        report.open_question("sidecar-sums", found, f"within {TOTAL_FRACTION_MAX:.0%}", remedy)


def tables(tokenizer: SentencePieceProcessor, bos_id: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each id: bytes of text of its piece; whether that is what its entry should say; whether it stands for no text."""
    expected_V = np.zeros(VOCABULARY_MAX, np.int64)
    is_plain_V, is_silent_V = (np.zeros(VOCABULARY_MAX, bool) for _ in range(2))
    is_silent_V[bos_id] = True
    for token in range(tokenizer.vocab_size()):
        piece = tokenizer.id_to_piece(token)
        if piece in (caseops.TITLE, caseops.ALLCAPS, caseops.CAPNEXT):
            is_silent_V[token] = True
        elif tokenizer.is_byte(token):
            expected_V[token] = 1  # the last byte of a character has all of its bytes in the side-car
        elif piece != caseops.ESC and not tokenizer.is_control(token) and not tokenizer.is_unknown(token):
            expected_V[token] = len(piece.replace(SPACE, " ").encode())
            is_plain_V[token] = True
    return expected_V, is_plain_V, is_silent_V
