"""Whether an expert is used, and which, is decided before the target is seen."""

import re
from collections.abc import Iterator

from verify.finding import Finding, Precedent, failed, lead, passed
from verify.logs.model import Event, Run
from verify.rule import Case, Rule
from verify.rules.scoring import CodeRule
from verify.static.patterns_c import natives
from verify.static.patterns_code import Code, code_of
from verify.static.patterns_gate import beyond_chunk, elementwise_choices, kept_better, mixes
from verify.static.patterns_native import target_gates

WORDS = re.compile(r"nll|loss|logp|lp|prob|_p\b")
RULINGS = (
    Precedent(pr=1420, text="hints gated by the scored token: gain fell from 0.0029 to 0.00014 once corrected"),
    Precedent(
        pr=2140, text="first version gated within-word and word-start hints by the target; corrected to token-only"
    ),
    Precedent(pr=2135, text="accepted: within_gate=0 word_gate=0"),
)


def claimed_runs(case: Case) -> list[Run]:
    """The runs behind the claim, and the runs that give their scores; all runs where no claim is made."""
    runs = [run for result in case.claim.claimed for run in (result.run, result.metric_run) if run is not None]
    unique = {id(run): run for run in runs}
    return list(unique.values()) or case.runs


def gate_events(case: Case) -> list[tuple[Run, Event]]:
    """The claimed runs' lines that count the hints given by each expert of an n-gram tilt."""
    return [(run, event) for run in claimed_runs(case) for event in run.events if event.kind == "ngram_gates"]


def gated(event: Event) -> tuple[int, int]:
    """Hints of the within-word and of the word-start expert."""
    within, word = (event.fields.get(name) for name in ("within_gate", "word_gate"))
    return (within if isinstance(within, int) else 0, word if isinstance(word, int) else 0)


class GateCounts(Rule):
    """The hints of within-word and word-start experts, which are gated by the target, are off in the claimed runs."""

    code = "no-target-gate.log"
    remedy = "Gate on the last token of the prefix, or switch the two experts off (token_gate only), and run again."
    precedents = RULINGS
    probe = "target-swap"

    def check(self, case: Case) -> Iterator[Finding]:
        events = gate_events(case)
        if not events:
            yield passed("no claimed log counts hints of within-word or word-start experts")
            return
        on = [(run, event) for run, event in events if any(gated(event))]
        if not on:
            yield passed("the claimed logs say that no within-word and no word-start hint was given")
            return
        within, word = gated(on[0][1])
        sentence = (
            f"the claimed log counts {within:,} within-word and {word:,} word-start hints; whether these experts hint is "
            "decided by the token that is being scored"
        )
        places = [run.place(event) for run, event in on[:3]]
        if _gates_on_prefix(case):
            yield lead(
                sentence + ", unless the gate reads the prefix, as the source suggests", *places, probe=self.probe
            )
        else:
            yield failed(sentence, *places, precedents=self.precedents, within_gate=within, word_gate=word)


def _gates_on_prefix(case: Case) -> bool:
    """Whether the C sources are there and none gates on the scored token."""
    code = code_of(case)
    sources = list(natives(code, case.submission.helpers)) if code else []
    return bool(sources) and not any(True for native in sources for _ in target_gates(native))


class GateInKernel(CodeRule):
    """A hint kernel does not look at the scored token before it has written its hint."""

    code = "no-target-gate.kernel"
    remedy = "Take boundary and word-start flags of the gate from the previous token; use the scored token in the update only."
    precedents = RULINGS
    probe = "target-swap"
    nothing = "no reached kernel gives or withholds a hint by a property of the scored token"

    def look(self, case: Case, code: Code) -> Iterator[Finding]:
        events = gate_events(case)
        if events and not any(any(gated(event)) for _, event in events):
            return  # the logs say that the gated experts gave no hint
        if _switched_off(code):
            return
        for native in natives(code, case.submission.helpers):
            for function, flag_at, gate_at in target_gates(native):
                yield lead(
                    "a hint is given or withheld by a flag of the token that is being scored, before that token is handed to the "
                    "update: where it fires tells something of the target",
                    native.place(function, flag_at, "flag of the scored token"),
                    native.place(function, gate_at, "gate"),
                    probe=self.probe,
                    precedents=self.precedents,
                )


def _switched_off(code: Code) -> bool:
    """Whether the strengths of the gated experts are settings, and all zero."""
    names = [
        name
        for name in code.program.settings
        if ("within" in name or "word" in name) and name.endswith(("_boost", "_beta", "_weight", "_scale", "_strength"))
    ]
    return bool(names) and all(code.program.settings[name].value in (0, 0.0, "0", "0.0", False) for name in names)


def is_choice(line: str) -> bool:
    """Whether a line may choose between likelihoods."""
    chooses = "imum(" in line or "fmin(" in line or "fmax(" in line or "where(" in line
    return (chooses or ("if " in line and ("<" in line or ">" in line))) and WORDS.search(line) is not None


class ChosenAfterTarget(CodeRule):
    """The score of a token is not the better of two, chosen once the target is known."""

    code = "no-target-gate.choice"
    remedy = "Mix with weights that depend on the prefix only, and score the mixture."
    precedents = (
        Precedent(pr=659, text="ruled illegal: keeps the better of model and n-gram after seeing the target"),
    )
    probe = "candidate-sweep"
    nothing = "no reached code keeps the better of two scores of one token"

    def look(self, case: Case, code: Code) -> Iterator[Finding]:
        for function, scope in code.with_line(is_choice):
            for compare, kept in kept_better(scope):
                yield lead(
                    "the better of two losses of the same token is kept, which needs the target: the result is no distribution",
                    code.place(function, compare, "comparison"),
                    code.place(function, kept, "kept"),
                    probe=self.probe,
                    precedents=self.precedents,
                )
            for choice, scored in elementwise_choices(scope):
                if scored is None:
                    continue
                yield lead(
                    "at each position the better of two likelihoods of the target is chosen; the result is no distribution",
                    code.place(function, choice, "choice"),
                    code.place(function, scored, "scored"),
                    probe=self.probe,
                    precedents=self.precedents,
                )


class UpdateRange(CodeRule):
    """Count tables are filled with scored tokens only."""

    code = "c1-causal.update-range"
    remedy = "End the update at the last scored target."
    precedents = (
        Precedent(pr=798, text="tables updated with tokens[start:end + 1]: the first target of the next chunk"),
    )
    probe = "suffix-invariance"
    nothing = "no reached code fills count tables beyond the chunk that was scored"

    def look(self, case: Case, code: Code) -> Iterator[Finding]:
        for function, scope in code.having("+ 1])", "+1])", also=(".update(", ".update_batch(", ".add_tokens(")):
            if not mixes(scope):
                continue
            for call in beyond_chunk(scope):
                yield lead(
                    "count tables are updated with one token more than the chunk holds; whether that token was already scored "
                    "depends on how windows are given to chunks",
                    code.place(function, call, "update"),
                    probe=self.probe,
                    precedents=self.precedents,
                )
