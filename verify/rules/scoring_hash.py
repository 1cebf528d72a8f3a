"""Count tables whose index is a hash of context and target together: what is read from them does not sum to one."""

import ast
from collections.abc import Iterator

from verify.finding import Finding, Place, Precedent, lead
from verify.rule import Case
from verify.rules.scoring import CodeRule
from verify.static.patterns import Scope, last, root
from verify.static.patterns_c import natives
from verify.static.patterns_code import Code
from verify.static.patterns_hash import NATIVE_JOINT, JointHash, joint_hashes, native_joint

RULING = Precedent(pr=982, text="closed: hashed caches do not renormalise over the vocabulary, so the target decides the mixture")
COUNTING = {"bincount", "scatter_add_", "scatter_add", "index_add_", "index_put_", "at", "add_at"}
READING = {"gather", "take", "index_select", "get", "lookup"}
RATIOS = {"divide", "true_divide", "div", "div_"}


class NgramHash(CodeRule):
    """A probability is not read from counts that are indexed by a hash of context and target."""

    code = "ngram-hash.target-key"
    remedy = "Normalise over the vocabulary: score every token with the same tables, or look the hint up by context alone."
    precedents = (RULING,)
    probe = "candidate-sweep"
    nothing = "no reached code reads a probability from a table that is indexed by a hash of the target"

    def look(self, case: Case, code: Code) -> Iterator[Finding]:
        joints = joint_hashes(code)
        for function, scope in code.having(*joints.needles):
            for joint in joints.of(function, scope):
                places = _uses(code, joint, scope)
                if places:
                    yield self._lead([code.place(function, joint.node, "index of context and target"), *places])
        for native in natives(code, case.submission.helpers):
            for function, offset, division in native_joint(native):
                yield self._lead(
                    [
                        native.place(function, offset, "index of context and target"),
                        native.place(function, division, "ratio of two counts"),
                    ]
                )

    def _lead(self, places: list[Place]) -> Finding:
        return lead(
            "the score uses counts indexed by a hash of context and target; collisions are not shared out over the vocabulary, "
            "so the probabilities of all tokens need not sum to one",
            *places[:4],
            probe=self.probe,
            precedents=self.precedents,
        )
