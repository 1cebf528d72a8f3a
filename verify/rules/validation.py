"""val-identity, bpb-bytes, tokenizer, tail-once: what text the scored tokens stand for, by counts that logs print."""

import re
from collections.abc import Iterator
from typing import Any

from verify.facts import validation
from verify.facts.grade import graded, weighed
from verify.facts.runs import judged, logged_seeds, name, other_with_loss, runs_of, val_tokens, with_loss
from verify.finding import Finding, Place, Precedent, failed, lead, passed, unproven
from verify.logs.model import Metric, Point, SeedResult
from verify.rule import Case, Rule

SETS_APART_MIN = 0.05  # two exports of one tokenizer differ by 0.0002
MISCOUNT_MIN = 0.015  # the smallest wrong byte table seen is 4 % off
MIXED = re.compile(r"(?:mix|ppm)\w*_bpb|bpb_(?:mix|ppm)", re.I)
DOCUMENTS_OFF_MAX = 5  # a cut at the first or the last document; 49,999 occurs with all tokens there


def ratio_of(result: SeedResult) -> tuple[float | None, Place | None]:
    """Bytes per token of the score that is claimed, and its line."""
    metric, run = with_loss(result)
    if metric is None:
        return None, None
    return validation.bytes_per_token(metric.val_loss, metric.val_bpb), run.place(metric)


def other_ratio(result: SeedResult) -> tuple[float | None, Place | None]:
    """Bytes per token of another final score of the run, where the claimed one is printed without its loss."""
    metric, run = other_with_loss(result)
    if metric is None:
        return None, None
    return validation.bytes_per_token(metric.val_loss, metric.val_bpb), run.place(metric)


class Denominator(Rule):
    """Bits per byte are divided by the true number of bytes: loss and bpb give the bytes per token of the split."""

    code = "bpb-bytes.implied"
    remedy = "Count the UTF-8 bytes of the text once: a leading space in the loop or in the table, not in both."
    probe = "byte-recount"
    precedents = (
        Precedent(pr=1734, text="a space counted twice: 1.0108 became about 1.187 (issue 1719)"),
        Precedent(pr=1289, text="byte-fallback tokens stored as three bytes: 1.0819 became about 1.1266"),
    )

    def check(self, case: Case) -> Iterator[Finding]:
        off_max = self.setting(case, "share_off_max")
        results = judged(case)
        told = False
        for result in results:
            ratio, place = ratio_of(result)
            tokens, _ = val_tokens(result)
            if ratio is None or place is None:
                continue
            told = True
            yield self.judge(case, result, ratio, place, tokens, off_max)
        if not told:
            found = [finding for result in results if (finding := self.beside(result, off_max)) is not None]
            yield from found or self.stated(case, off_max)
        yield from self.others(case, off_max)

    def beside(self, result: SeedResult, off_max: float) -> Finding | None:
        """Where the claimed score has no loss: another score of the same run, over the same text."""
        ratio, place = other_ratio(result)
        if ratio is None or place is None:
            return None
        known = validation.set_of_ratio(ratio, off_max)
        measured: dict[str, Any] = {"bytes_per_token": round(ratio, 6)}
        start = f"{name(result)}: the claimed score has no loss beside it; another of the run has {ratio:.4f} bytes per token"
        if known is not None:
            return unproven(f"{start}, as {known.name}.", place, probe=self.probe, **measured)
        return lead(f"{start}, as no known export.", place, probe=self.probe, **measured)

    def others(self, case: Case, off_max: float) -> Iterator[Finding]:
        """Further runs of the folder that divide by another number of bytes than the claimed ones."""
        results = judged(case)
        odd = []
        for result in logged_seeds(case):
            ratio, place = ratio_of(result)
            if result not in results and ratio and place and validation.set_of_ratio(ratio, 5 * off_max) is None:
                tokens, _ = val_tokens(result)
                if tokens is None or abs(validation.share_off(tokens.value, ratio)) > 5 * off_max:
                    odd.append((result, ratio, place))
        if odd:
            runs = ", ".join(f"{result.run.file} {ratio:.3f}" for result, ratio, _ in odd[:6])
            sentence = f"Runs of the folder that are not the claim have bytes per token of no known export: {runs}."
            yield lead(sentence, *(place for _, _, place in odd[:6]), probe=self.probe)

    def judge(self, case: Case, result: SeedResult, ratio: float, place: Place, tokens, off_max: float) -> Finding:
        known = validation.set_of_ratio(ratio, off_max)
        of_tokens = validation.set_of_tokens(tokens.value) if tokens is not None else None
        if known is not None and of_tokens is not None and abs(known.tokens / of_tokens.tokens - 1) > SETS_APART_MIN:
            known = None  # the ratio of one export with the tokens of another
        measured: dict[str, Any] = {"bytes_per_token": round(ratio, 6)}
        places: tuple[Place, ...] = (place,)
        if tokens is not None:
            measured["implied_bytes"] = round(tokens.value * ratio)
            places = (place, next(run for run in runs_of(result) if run.val_tokens is tokens).place(tokens))
        if known is not None:
            sentence = f"{name(result)}: {ratio:.4f} bytes per token, as {known.name}."
            return graded("note" if known.old else "pass", sentence, *places, **measured)
        if tokens is None:
            sentence = f"{name(result)}: {ratio:.4f} bytes per token, as no known export; the log gives no token count."
            return lead(sentence, *places, probe=self.probe, **measured)
        off = validation.share_off(tokens.value, ratio)
        if of_tokens is None and abs(off) <= off_max:
            return passed(
                f"{name(result)}: {tokens.value * ratio / 1e6:.2f} million bytes, those of the split.",
                *places,
                **measured,
            )
        text = (
            f"{tokens.value * ratio / 1e6:.2f} million bytes where the split has {validation.data()['bytes'] / 1e6:.2f}"
        )
        expected = f"{ratio:.4f} bytes per token" + (
            f" in place of {of_tokens.bytes_per_token:.4f} ({of_tokens.name})" if of_tokens else ""
        )
        sentence = f"{name(result)}: {expected}: the score divides by {text}."
        if abs(off) < MISCOUNT_MIN:
            more = f"{sentence} So little is another text or a part of the split, rather than bytes counted twice."
            return lead(more, *places, probe=self.probe, **measured)
        if of_tokens is None and off < 0:
            # Fewer bytes than the split has: part of it, rather than bytes counted twice. val-identity says so.
            return lead(sentence, *places, probe=self.probe, **measured)
        if self.is_corrected(case, result, ratio):
            more = f"{sentence} The claimed score is another one, put right by hand."
            return weighed(self, case, "corrected_claim", more, *places, **measured)
        if of_tokens is not None and self.is_of_a_mixture(case, result, of_tokens.bytes_per_token, off_max):
            more = f"{sentence} Other scores of the run have the right bytes: this loss need not be that of the bpb."
            return lead(more, *places, probe=self.probe, **measured)
        return failed(sentence, *places, precedents=self.precedents, **measured)

    @staticmethod
    def is_corrected(case: Case, result: SeedResult, ratio: float) -> bool:
        """Whether the claim is higher than the line's bpb by what the line's bytes are off: an honest correction."""
        claims = [*case.submission.metadata.seed_results, *case.submission.readme.seed_results]
        claimed = next(
            (c.val_bpb for c in claims if c.val_bpb and c.seed is not None and c.seed == result.seed), case.claim.value
        )
        logged = result.metric.val_bpb if result.metric else None
        if claimed is None or not logged:
            return False
        true_ratio = ratio * logged / claimed
        return claimed > logged * 1.01 and validation.set_of_ratio(true_ratio, 0.01) is not None

    @staticmethod
    def is_of_a_mixture(case: Case, result: SeedResult, expected: float, off_max: float) -> bool:
        """Whether the bpb may be a mixture's, with the loss of its network beside it: the run's other scores fit."""
        if not any(MIXED.search(script.source) for script in case.submission.scripts):
            return False
        scores: list[Metric | Point] = []
        for run in runs_of(result):
            scores += [*run.metrics, *run.curve]
        ratios = [validation.bytes_per_token(score.val_loss, score.val_bpb) for score in scores]
        return any(ratio is not None and abs(ratio / expected - 1) <= off_max for ratio in ratios)

    def stated(self, case: Case, off_max: float) -> Iterator[Finding]:
        """Without a loss in the logs: what submission.json states."""
        metadata = case.submission.metadata
        ratio = validation.bytes_per_token(metadata.val_loss, metadata.val_bpb)
        if ratio is None:
            yield unproven(
                "No log or file gives loss and bpb of one score: its bytes cannot be told.", probe=self.probe
            )
            return
        file = metadata.file or "submission.json"
        places = tuple(
            Place(file=file, line=metadata.lines.get(key), quote=f"{metadata.keys.get(key, key)}: {value}")
            for key, value in (("val_loss", metadata.val_loss), ("val_bpb", metadata.val_bpb))
        )
        known = validation.set_of_ratio(ratio, off_max)
        if known is not None:
            sentence = f"submission.json states {ratio:.4f} bytes per token, as {known.name}; no log shows it."
            yield unproven(sentence, *places, probe=self.probe, bytes_per_token=round(ratio, 6))
        else:
            sentence = f"submission.json states {ratio:.4f} bytes per token, as no known export."
            yield lead(sentence, *places, probe=self.probe, bytes_per_token=round(ratio, 6))


class Tokens(Rule):
    """The whole fixed split is scored: as many tokens as it has in a known export, or as many bytes."""

    code = "val-identity.tokens"
    remedy = "Evaluate on all documents of the published validation split."
    probe = "canonical-split"
    precedents = (
        Precedent(pr=1923, text="a shard of 19 MB in place of 95.7 MB (issue)"),
        Precedent(pr=2109, text="one of four parallel parts; turned into a non-record by its author"),
    )

    def check(self, case: Case) -> Iterator[Finding]:
        off_max = self.setting(case, "share_off_max")
        results = judged(case)
        for result in results:
            tokens, run = val_tokens(result)
            if tokens is None or run is None:
                yield unproven(f"{name(result)}: the log does not say how many tokens were scored.", probe=self.probe)
                continue
            yield self.judge(case, result, tokens.value, run.place(tokens), off_max)
        if not results:
            yield unproven("No run stands behind the claim, so no token count can be told.", probe=self.probe)

    def judge(self, case: Case, result: SeedResult, tokens: int, place: Place, off_max: float) -> Finding:
        if why := validation.known_bad(tokens):
            sentence = f"{name(result)} scores {tokens:,} tokens: {why}."
            return failed(sentence, place, precedents=self.precedents, val_tokens=tokens)
        if known := validation.set_of_tokens(tokens):
            sentence = f"{name(result)}: {tokens:,} tokens, all of {known.name}."
            return graded("note" if known.old else "pass", sentence, place, val_tokens=tokens)
        ratio, line = ratio_of(result)
        if ratio is None:
            ratio, line = other_ratio(result)
        if ratio is None or line is None:
            sentence = f"{name(result)}: {tokens:,} tokens, a count of no known export."
            return unproven(sentence, place, probe=self.probe, val_tokens=tokens)
        off = validation.share_off(tokens, ratio)
        measured: dict[str, Any] = {"val_tokens": tokens, "implied_bytes": round(tokens * ratio)}
        if abs(off) <= off_max:
            sentence = f"{name(result)}: {tokens:,} tokens of another export; their bytes are those of the split."
            return passed(sentence, place, line, **measured)
        same = validation.set_of_ratio(ratio, off_max)
        if abs(off) <= self.setting(case, "share_off_fail"):
            part = f"{100 * off:+.2f} % of the split's bytes"
            sentence = f"{name(result)}: {tokens:,} tokens, {part}: not all of it, or another text."
            return lead(sentence, place, line, probe=self.probe, **measured)
        if same is not None or off < 0:
            part = f"{100 * (1 + off):.1f} % of the split's bytes"
            of = f", with the bytes per token of {same.name}" if same else ""
            sentence = f"{name(result)}: {tokens:,} tokens{of}: {part}."
            return failed(sentence, place, line, precedents=self.precedents, **measured)
        sentence = f"{name(result)}: {tokens:,} tokens of no known export, and {100 * off:+.1f} % of the split's bytes."
        return lead(sentence, place, line, probe=self.probe, **measured)


class Documents(Rule):
    """Evaluations that count documents count the 50,000 of the split."""

    code = "val-identity.documents"
    remedy = "Prepare the validation split with 50,000 documents (the preparation script's default is 10,000)."
    probe = "canonical-split"
    precedents = (
        Precedent(text="issue 2127: 34 folders with local preparation looked at, 15 trained on validation documents"),
    )

    def check(self, case: Case) -> Iterator[Finding]:
        asked = validation.data()["documents"]
        said = False
        for result in judged(case):
            run = result.metric_run or result.run
            for event in run.events:
                documents = event.fields.get("total_docs")
                if not isinstance(documents, int):
                    continue
                said = True
                if abs(documents - asked) <= DOCUMENTS_OFF_MAX:
                    yield passed(f"{name(result)}: {documents:,} documents.", run.place(event), documents=documents)
                elif documents < asked:
                    sentence = f"{name(result)}: {documents:,} documents in place of {asked:,}."
                    yield failed(sentence, run.place(event), precedents=self.precedents, documents=documents)
                else:
                    sentence = f"{name(result)}: {documents:,} documents, more than the {asked:,} of the split."
                    yield unproven(sentence, run.place(event), probe=self.probe, documents=documents)
        if not said:
            yield passed("No evaluation counts documents.")


class TrainShards(Rule):
    """The number of training shards does not point to a local export that trains on validation documents."""

    code = "val-identity.train-shards"
    remedy = "Train on the published shards, or show that the local ones hold no validation document."
    probe = "disjointness"
    precedents = Documents.precedents

    def check(self, case: Case) -> Iterator[Finding]:
        suspicious = validation.data()["suspicious_train_shards"]
        for result in judged(case):
            shards = result.run.train_shards
            if shards is not None and shards.value in suspicious:
                why = "the count of a local export, which by default trains on validation text"
                sentence = f"{name(result)}: {shards.value:,} training shards, {why}."
                yield lead(
                    sentence,
                    result.run.place(shards),
                    probe=self.probe,
                    precedents=self.precedents,
                    shards=shards.value,
                )
            elif shards is not None:
                yield passed(
                    f"{name(result)}: {shards.value} training shards.", result.run.place(shards), shards=shards.value
                )
        if all(result.run.train_shards is None for result in judged(case)):
            yield unproven("No log says how many training shards were read.", probe=self.probe)


class KnownTokenizer(Rule):
    """The tokenizer is one of the published ones, or its text can be got back exactly."""

    code = "tokenizer.known"
    remedy = "Ship the tokenizer, and show that decoding gives the normalised text back."
    probe = "tokenizer-round-trip"
    precedents = (
        Precedent(pr=1729, text="accepted: CaseOps, reversible"),
        Precedent(pr=1578, text="folded case: never ruled, never accepted (issue 1604)"),
    )

    def check(self, case: Case) -> Iterator[Finding]:
        off_max = case.policy.setting("bpb-bytes", "share_off_max")
        told: set[int] = set()
        for result in judged(case):
            tokens, run = val_tokens(result)
            ratio, line = ratio_of(result)
            if tokens is None or run is None or tokens.value in told:
                continue
            told.add(tokens.value)
            known = validation.set_of_tokens(tokens.value)
            if known is None and ratio is not None:
                known = validation.set_of_ratio(ratio, off_max)
            places = (run.place(tokens), *([line] if line else []))
            if known is not None:
                yield passed(f"{tokens.value:,} tokens: the published {known.name}.", *places, val_tokens=tokens.value)
            else:
                sentence = (
                    f"{tokens.value:,} tokens, as no published tokenizer gives: its text has to come back exactly."
                )
                yield lead(sentence, *places, probe=self.probe, precedents=self.precedents, val_tokens=tokens.value)
        if not told:
            yield unproven(
                "No log says how many tokens the split has, so the tokenizer cannot be told.", probe=self.probe
            )


class ScoredTokens(Rule):
    """Where a log counts the tokens that were scored, they are as many as the split has."""

    code = "tail-once.counts"
    remedy = "Print how many tokens were scored, and score each once."
    probe = "scored-positions"
    precedents = (Precedent(pr=174, text="withdrawn by its author: tail windows were scored again"),)

    def check(self, case: Case) -> Iterator[Finding]:
        said = False
        for result in judged(case):
            run = result.metric_run or result.run
            tokens, _ = val_tokens(result)
            for event in run.events:
                scored = event.fields.get("scored_tokens")
                if not isinstance(scored, int) or tokens is None:
                    continue
                said = True
                sentence = f"{name(result)}: {scored:,} of {tokens.value:,} tokens scored."
                tail = validation.data()["tail_tokens_max"]
                if abs(scored - tokens.value) <= tail:
                    yield passed(sentence, run.place(event), scored_tokens=scored)
                else:
                    yield failed(sentence, run.place(event), precedents=self.precedents, scored_tokens=scored)
        if not said:
            yield passed("No log counts other scored tokens than the split has.")
