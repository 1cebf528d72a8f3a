"""Whether the network itself lets a position see later ones."""

from collections.abc import Iterator

from verify.finding import Finding, Precedent, lead, passed
from verify.rule import Case, Rule
from verify.rules.scoring import CodeRule
from verify.rules.scoring_gate import claimed_runs
from verify.static.patterns import keyword, last
from verify.static.patterns_code import Code
from verify.static.patterns_network import (
    empty_rows,
    merged_positions,
    pooled_over_time,
    shifts,
    spreads,
    unmasked_attention,
    wide_convolutions,
)

PROBE = "suffix-invariance"
MASK = Precedent(pr=988, text="workspace slots attend to the whole window and are written back to every token")
POOL = Precedent(pr=1121, text="pairs of tokens are pooled without a shift, so the first of a pair sees its own target")
ROW = Precedent(pr=663, text="a row that is masked everywhere is normalised over the whole window")
TRAINING_BPB_MIN = 0.9


class Network(CodeRule):
    """No position of the network reads from a later one."""

    code = "c1-causal.network"
    remedy = (
        "Mask, shift by one, or pad on the left; then show that a changed suffix leaves every earlier score as it was."
    )
    precedents = (MASK, POOL, ROW)
    probe = PROBE
    tracks = frozenset({"10min"})  # diffusion and other scores that are not autoregressive are filed as non-records
    nothing = (
        "no path from later positions was seen in the reached code; only the suffix probe can show that there is none"
    )

    def look(self, case: Case, code: Code) -> Iterator[Finding]:
        yield from self._attention(code)
        yield from self._pooling(code)
        for function, scope in code.having("fill_", also=("max(",)):
            for fill, normalised in empty_rows(scope):
                yield self._lead(
                    "mask and diagonal may leave nothing of a row, whose fill value is finite: normalised, such a row reads every "
                    "position of the window, later ones too",
                    code.place(function, fill, "fill"),
                    code.place(function, normalised, "normalised"),
                    precedent=ROW,
                )
        for function, scope in code.having(".mean(", ".sum(", ".amax(", also=(".shape",)):
            for call in pooled_over_time(scope):
                yield self._lead(
                    "a mean over the whole window goes into what every position returns",
                    code.place(function, call),
                    precedent=POOL,
                )
        yield from self._convolution(code)
        for function, scope in code.having("bidirectional"):
            for call in scope.calls("LSTM", "GRU", "RNN"):
                value = keyword(call, "bidirectional")
                if getattr(value, "value", None) is True:
                    yield self._lead(
                        "a recurrent layer reads the window in both directions", code.place(function, call)
                    )

    def _attention(self, code: Code) -> Iterator[Finding]:
        for function, scope in code.having("scaled_dot_product_attention", "causal=False", "causal = False"):
            for call in unmasked_attention(scope):
                yield self._lead(
                    "attention without a causal flag or a mask; if its keys come from tokens and its result goes back to tokens, "
                    "positions see later ones",
                    code.place(function, call),
                    precedent=MASK,
                )

    def _pooling(self, code: Code) -> Iterator[Finding]:
        merged = [
            (function, scope, pair)
            for function, scope in code.having("//", "pool1d(", also=("reshape(", "view(", "pool1d("))
            for pair in merged_positions(scope)
        ]
        if not merged or any(shifts(scope) for _, scope, _ in merged):
            return
        spread = next(
            (
                function
                for function, scope in code.having("repeat_interleave", "interpolate", "reshape(", "view(")
                if spreads(scope)
            ),
            None,
        )
        if spread is None:
            return
        function, _, (group, pool) = merged[0]
        places = [code.place(function, group, "neighbours become one position"), code.place(function, pool, "pooled")]
        yield self._lead(
            "neighbouring positions are pooled without a shift, and the result is spread over them again: all but the last "
            "of a group see later ones",
            *places,
            code.place(spread, spread.node, "spread"),
            precedent=POOL,
        )

    def _convolution(self, code: Code) -> Iterator[Finding]:
        wide = {}
        for function, scope in code.having("Conv1d(", also=("padding",)):
            for name, call in wide_convolutions(scope).items():
                wide[name.rpartition(".")[2]] = (function, call)
        if not wide:
            return
        for function, scope in code.having(*(f".{name}(" for name in wide)):
            for call in scope.calls(*wide):
                if not any(type(parent).__name__ == "Subscript" for parent in scope.above(call)):
                    made, source = wide[last(call)]
                    yield self._lead(
                        "a convolution over positions is padded on both sides and not cut: each position reads later ones",
                        code.place(made, source, "padding on both sides"),
                        code.place(function, call, "used whole"),
                    )
                    return

    def _lead(self, sentence: str, *places, precedent: Precedent | None = None) -> Finding:
        return lead(sentence, *places, probe=self.probe, precedents=(precedent,) if precedent else ())


class TrainingScore(Rule):
    """Validation inside the training loop, where nothing is mixed or adapted, gives a plausible score."""

    code = "c1-causal.training-score"
    remedy = "Run the suffix probe on the trained model, and recount the bytes of the validation text."
    precedents = (ROW, POOL)
    probe = PROBE
    tracks = frozenset({"10min"})

    def check(self, case: Case) -> Iterator[Finding]:
        seen = False
        for run in claimed_runs(case):
            points = [point for point in run.curve if point.val_bpb is not None]
            if not points:
                continue
            seen = True
            final = points[-1]
            if final.val_bpb is not None and final.val_bpb < TRAINING_BPB_MIN:
                yield lead(
                    f"the training loop's own validation ends at {final.val_bpb:.4f} bits per byte, before anything is mixed: "
                    "no model of this size comes near that without seeing later tokens, training on the validation set, or a wrong "
                    "byte count",
                    run.place(_At(final.line)),
                    probe=self.probe,
                    precedents=self.precedents,
                    val_bpb=final.val_bpb,
                )
                return
        if seen:
            yield passed("validation inside the training loop gives a plausible score")
        else:
            yield passed("no claimed log validates inside the training loop, so there is nothing to be alarmed by")


class _At:
    """A line of a log, for its place."""

    text = ""

    def __init__(self, line: int):
        self.line = line
