"""What makes two submissions the same, in a few numbers: digests of logs, of scores, of code, and a sketch of the code.

Code is compared as tokens: comments, docstrings, white space and every chosen name are taken away, numbers stay. So the same
code under other names is equal, and another learning rate is not. The sketch is MinHash with one permutation (Li, Owen,
Zhang 2012): each of BINS parts of the hash range keeps its smallest hash, and the share of equal bins estimates the Jaccard
similarity of the two sets of shingles (SHINGLE tokens in a row).
"""

import hashlib
import keyword
import re
import zlib
from dataclasses import dataclass

from verify.logs.model import Metric, SeedResult
from verify.rule import Case

SHINGLE = 12  # tokens
SAMPLE = 4  # one shingle of so many is looked at, by its first token; never one that begins with a chosen name
BINS = 64
TOKENS_MAX = 200_000
LOG_BYTES_MIN = 500  # shorter ones are equal by chance
CODE_TOKENS_MIN = 200  # shorter ones are stubs
SCORE_DIGITS_MIN = 6  # decimals; rounder scores are equal by chance

STRING = r"""(?:"{3}(?:[^\\]|\\.)*?"{3}|'{3}(?:[^\\]|\\.)*?'{3}|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')"""
NAME = r"[A-Za-z_]\w*"
# A name may be the prefix of a string; other characters stand alone, so that any text is read.
TOKEN = re.compile(rf"[rbfuRBFU]{{1,2}}{STRING}|{NAME}|\n|{STRING}|\#[^\n]*|\d[\w.]*|\.\d\w*|[^\w\s]|\w", re.DOTALL)
QUOTES = frozenset("\"'")
BRACKETS = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}
# Names that say what a program does, whoever wrote it, stay as they are.
KEPT = frozenset(keyword.kwlist) | {
    "torch",
    "self",
    "range",
    "len",
    "print",
    "min",
    "max",
    "int",
    "float",
    "F",
    "nn",
    "dist",
}


@dataclass(frozen=True, slots=True)
class Features:
    """Digests are hexadecimal and short; None or empty: nothing worth comparing.

    logs      file -> digest of its bytes
    scores    (seed, val_loss, val_bpb) of the claimed runs, as printed
    script    digest of the main script's bytes
    code      digest of what it runs, normalised
    sketch    smallest hash of each bin, of what it runs
    """

    logs: dict[str, str]
    scores: tuple[list[int | float | None], ...]
    script: str | None
    code: str | None
    sketch: tuple[int, ...]


def features(case: Case) -> Features:
    main = case.submission.main
    tokens = normalised(main.source) if main else []
    enough = len(tokens) >= CODE_TOKENS_MIN
    scores = {score for result in case.claim.claimed if (score := score_of(result))}
    return Features(
        logs={log.path: log.sha256[:20] for log in case.submission.logs if log.bytes >= LOG_BYTES_MIN},
        scores=tuple(map(list, sorted(scores, key=str))),
        script=main.sha256[:20] if main and main.bytes > LOG_BYTES_MIN else None,
        code=digest_of_tokens(tokens),
        sketch=sketch(tokens) if enough else (),
    )


def digest_of(source: str) -> str | None:
    """Features.code of a source that lies elsewhere."""
    return digest_of_tokens(normalised(source))


def digest_of_tokens(tokens: list[str]) -> str | None:
    text = "\n".join(tokens).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:20] if len(tokens) >= CODE_TOKENS_MIN else None


def score_of(result: SeedResult) -> tuple[int | None, float | None, float] | None:
    """A claimed run's score, where it is printed with so many digits that chance does not repeat it."""
    metric = result.metric
    if metric is None or metric.val_bpb is None or decimals(metric) < SCORE_DIGITS_MIN:
        return None
    return result.seed, metric.val_loss, metric.val_bpb


def decimals(metric: Metric) -> int:
    """Decimals of val_bpb as a shortest decimal: 1.0611 has 4."""
    return len(repr(metric.val_bpb).partition(".")[2])


def normalised(source: str) -> list[str]:
    """The tokens of a Python source, with chosen names numbered in order of appearance."""
    written: dict[str, str] = {}  # token -> as it is written here
    chosen = 0
    tokens: list[str] = []
    starts_line, depth = True, 0
    for text in TOKEN.findall(source)[:TOKENS_MAX]:
        if text == "\n":
            starts_line = True
            continue
        first = text[0]
        if first == "#" or (starts_line and not depth and text[-1] in QUOTES):  # a comment or a docstring
            continue
        starts_line = False
        shown = written.get(text)
        if shown is None:
            shown = text
            if (first.isalpha() or first == "_") and text[-1] not in QUOTES and text not in KEPT:
                shown, chosen = f"n{chosen}", chosen + 1
            written[text] = shown
        tokens.append(shown)
        if text in BRACKETS:
            depth = max(0, depth + BRACKETS[text])
    return tokens


def sketch(tokens: list[str]) -> tuple[int, ...]:
    """The smallest hash of each bin; an empty bin holds -1.

    Names are numbered by first appearance, which one inserted line shifts everywhere: here every chosen name is the same.
    """
    values = {
        token: 1 if is_numbered(token) else zlib.crc32(token.encode("utf-8", "surrogatepass")) for token in set(tokens)
    }
    plain = [values[token] for token in tokens]
    least = [-1] * BINS
    for index in range(len(plain) - SHINGLE + 1):
        if plain[index] % SAMPLE:  # chosen by what stands there, so that the same stretch is chosen in every script
            continue
        value = hash(tuple(plain[index : index + SHINGLE])) & 0xFFFFFFFFFFFF  # of integers: the same in every process
        spot, rest = value % BINS, value // BINS
        if least[spot] < 0 or rest < least[spot]:
            least[spot] = rest
    return tuple(least)


def is_numbered(token: str) -> bool:
    return token[0] == "n" and token[1:].isdecimal()


def similarity(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """Share of equal bins, of those that hold something: about the Jaccard similarity of the shingles."""
    used = [(a, b) for a, b in zip(one, other, strict=True) if a >= 0 or b >= 0]
    return sum(a == b for a, b in used) / len(used) if used else 0.0
