"""Count tables whose index is a hash of context and target together: what is read from them does not sum to one."""

from collections.abc import Iterator

from verify.finding import Finding, Place, Precedent, lead
from verify.rule import Case
from verify.rules.scoring import CodeRule
from verify.static.patterns_c import natives
from verify.static.patterns_code import Code
from verify.static.patterns_hash import joint_hashes
from verify.static.patterns_native import native_joint

SENTENCE = (
    "the score uses counts indexed by a hash of context and target; colliding tokens are counted for each of them, "
    "so the probabilities over the vocabulary need not sum to one"
)


class NgramHash(CodeRule):
    """No probability is read from counts that are indexed by a hash of context and target."""

    code = "ngram-hash.target-key"
    remedy = (
        "Normalise over the vocabulary, or look a hint up by its context alone and renormalise the tilted distribution."
    )
    precedents = (
        Precedent(pr=982, text="closed: hashed caches do not renormalise correctly and look at the target to mix"),
        Precedent(pr=779, text="closed, and its family with it"),
        Precedent(pr=1514, text="accepted: hints looked up by context alone, distribution renormalised"),
    )
    probe = "candidate-sweep"
    nothing = "no reached code reads a probability from a table that is indexed by a hash of the target"

    def look(self, case: Case, code: Code) -> Iterator[Finding]:
        for joint in joint_hashes(code):
            places = [code.place(joint.function, joint.node, "index of context and target")]
            places.append(code.place(joint.function, joint.read, "count read by it"))
            if joint.ratio is not None:
                places.append(code.place(joint.function, joint.ratio, "ratio of counts"))
            yield self._lead(places)
        for native in natives(code, case.submission.helpers):
            for function, joint_at, ratio_at in native_joint(native):
                first = native.place(function, joint_at, "index of context and target")
                yield self._lead([first, native.place(function, ratio_at, "ratio of counts")])

    def _lead(self, places: list[Place]) -> Finding:
        return lead(SENTENCE, *places, probe=self.probe, precedents=self.precedents)
