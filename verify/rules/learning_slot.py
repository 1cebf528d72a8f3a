"""no-slot and warmup-no-val: nothing is fitted to the tokens that are about to be scored."""

from collections.abc import Iterator

from verify.finding import Finding, Precedent, lead, passed, warned
from verify.rule import Case, Rule
from verify.rules.learning_evidence import found, places, unread


class Slot(Rule):
    """Nothing is optimised inside the scoring loop on the tokens it then scores"""

    code = "no-slot.window"
    remedy = "Fit a delta only to tokens that are scored already, or leave it out."
    precedents = (
        Precedent(pr=1240, text="flip test: every pair of positions leaked"),
        Precedent(pr=1329, text="per-sample delta fitted to the scored window: closed"),
    )
    probe = "target-swap"

    def check(self, case: Case) -> Iterator[Finding]:
        blind = unread(case)
        if blind is not None:
            yield blind
            return
        program, count = case.program, 0
        assert program is not None
        for suspicion in found(case, "slot", "context")[:4]:
            lines = places(program, suspicion)
            name = suspicion.update.function.short
            if suspicion.kind == "context":
                context = (Precedent(pr=1306, text="context-only delta: never ruled on, never accepted"),)
                yield warned(
                    f"{name} fits tensors inside the scoring loop, to the context by its names: adaptive, without precedent",
                    *lines,
                    precedents=context,
                )
            else:
                yield lead(
                    f"{name} fits tensors made for a window to the tokens it scores next",
                    *lines,
                    probe=self.probe,
                    precedents=self.precedents,
                )
            count += 1
        if not count:
            yield passed("no tensor fitted inside a scoring loop before its score was found in what the runs reach")


class WarmUp(Rule):
    """Compile warm-up takes no step on validation tokens"""

    code = "warmup-no-val.order"
    remedy = "Warm up on random tokens."
    precedents = (
        Precedent(
            pr=1530,
            text="warm-up steps on validation tokens with adapters that are thrown away: accepted; later records use random tokens",
        ),
    )
    probe = "decoy-validation"

    def check(self, case: Case) -> Iterator[Finding]:
        blind = unread(case)
        if blind is not None:
            yield blind
            return
        suspects = found(case, "warmup")
        assert case.program is not None
        for suspicion in suspects[:2]:
            name = suspicion.update.function.short
            yield warned(
                f"{name} takes steps on validation tokens, with an adapter that is thrown away",
                *places(case.program, suspicion),
                precedents=self.precedents,
            )
        if not suspects:
            yield passed("no warm-up step on validation tokens was found in what the runs reach")
