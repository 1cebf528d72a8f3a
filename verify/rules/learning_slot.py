"""no-slot and warmup-no-val: nothing is fitted to the tokens that are about to be scored."""

from verify.finding import Finding, Place, Precedent, warned
from verify.rule import Case
from verify.rules.learning import OrderRule
from verify.static.order import Suspicion


class Slot(OrderRule):
    """Nothing is optimised inside the scoring loop on the tokens it then scores"""

    code = "no-slot.window"
    remedy = "Fit a delta only to tokens that are scored already, or leave it out."
    precedents = (
        Precedent(pr=1240, text="flip test: every pair of positions leaked"),
        Precedent(pr=1329, text="per-sample delta fitted to the scored window: closed"),
    )
    probe = "target-swap"

    kinds = ("slot", "context")
    nothing = "no tensor fitted inside a scoring loop before its score was found in what the runs reach"

    def finding(self, case: Case, suspicion: Suspicion, lines: list[Place]) -> Finding:
        name = suspicion.update.function.short
        if suspicion.kind == "slot":
            return self.lead(f"{name} fits tensors made for a window to the tokens it scores next", lines)
        return warned(
            f"{name} fits tensors inside the scoring loop, to the context by its names: adaptive, without precedent",
            *lines,
            precedents=(Precedent(pr=1306, text="context-only delta: never ruled on, never accepted"),),
        )


class WarmUp(OrderRule):
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

    kinds = ("warmup",)
    nothing = "no warm-up step on validation tokens was found in what the runs reach"

    def finding(self, case: Case, suspicion: Suspicion, lines: list[Place]) -> Finding:
        name = suspicion.update.function.short
        return warned(
            f"{name} takes steps on validation tokens, with an adapter that is thrown away",
            *lines,
            precedents=self.precedents,
        )
