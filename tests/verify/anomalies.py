"""How many of the anomalies that the corpus lists an audit speaks of: `python -m tests.verify.anomalies`.

Needs PGOLF_CORPUS and PGOLF_CHALLENGE.

An anomaly counts as seen where a check that is about such a thing says something of that folder: a failure, a warning, a
lead, or a note (a pass that says something worth reading). Which check is about what is the table below.
"""

import json
import os
from collections import Counter
from pathlib import Path

from verify.audit import judge, open_case
from verify.finding import Status
from verify.git.tree import tree_at
from verify.policy.model import DEFAULT, load
from verify.rule import all_rules
from verify.stats.leaderboard import Leaderboard
from verify.verdict import RuleResult

COMMIT = "4908dc46f21ed3fdd08d2fdca285deb2194b9599"  # the corpus's own, see its README
CHECKS = {
    "aux_code_not_counted": ["code-bytes.helpers"],
    "below_threshold": ["significance.frontier"],
    "best_seed_not_mean": ["seeds.statistic"],
    "bpb_ratio_off": ["bpb-bytes.implied"],
    "bytes_total_is_mean": ["artifact-bytes.stated"],
    "code_counted_compressed": ["artifact-bytes.runs"],
    "code_in_second_file": ["code-bytes.helpers", "package-files.script"],
    "code_size_mismatch": ["code-bytes.shipped", "log-consistency.headline"],
    "config_mismatch": ["seeds.one-configuration"],
    "decoy_metric": ["log-consistency.reading"],
    "different_val_set": ["val-identity.tokens", "bpb-bytes.implied"],
    "dup_log": ["log-consistency.reading", "seeds.own-runs"],
    "embedded_code_differs": ["code-bytes.shipped"],
    "empty_script": ["package-files.script"],
    "eval_over_600": ["eval-time.runs"],
    "external_binary": ["packages.binaries"],
    "field_misuse": ["package-files.metadata"],
    "file_names": ["package-files.script", "package-files.metadata"],
    "folder_name_spaces": ["package-files.names"],
    "log_source_inconsistent": ["code-bytes.shipped"],
    "log_truncated": ["log-consistency.reading"],
    "mean_of_rounded": ["log-consistency.claim"],
    "missing_files": ["package-files.readme", "package-files.metadata"],
    "missing_log": ["package-files.logs", "log-consistency.fields", "log-consistency.table", "log-consistency.claim"],
    "missing_referenced_file": ["package-files.references"],
    "mixed_seeds_in_submission": ["artifact-bytes.stated", "log-consistency.headline", "seeds.statistic"],
    "multi_run_log": ["log-consistency.reading"],
    "near_cap": ["artifact-bytes.runs"],
    "no_stop_line": ["train-time.stop-rule"],
    "over_cap": ["artifact-bytes.runs"],
    "overlapped_log": ["log-consistency.reading"],
    "partial_val": ["bpb-bytes.implied", "val-identity.tokens"],
    "population_std": ["log-consistency.spread"],
    "post_train_compute": ["eval-time.process"],
    "readme_inconsistent": ["log-consistency.table"],
    "readme_log_mismatch": ["log-consistency.table", "log-consistency.fields", "log-consistency.readme"],
    "recomputed_total": ["artifact-bytes.stated"],
    "rounded_bytes": ["artifact-bytes.stated", "log-consistency.headline", "artifact-bytes.runs"],
    "same_seed": ["seeds.own-runs"],
    "schema": ["package-files.metadata"],
    "score_from_other_log": ["log-consistency.reading", "log-consistency.fields"],
    "score_not_in_log": ["log-consistency.claim"],
    "score_not_last_line": ["log-consistency.reading"],
    "script_is_other_submission": ["code-bytes.shipped"],
    "seed_mismatch": ["seeds.file-names"],
    "single_seed": ["seeds.count"],
    "submission_log_mismatch": ["log-consistency.fields", "log-consistency.headline", "artifact-bytes.stated"],
    "track_conflict": ["package-files.names"],
    "train_over_600": ["train-time.runs", "hardware.world-size"],
    "train_plus_gptq_over_600": ["calib-in-train.runs"],
    "untimed_eval": ["eval-time.runs"],
    "wrong_hardware": ["hardware.gpu", "hardware.world-size"],
    "wrong_mean": ["log-consistency.headline"],
    "wrong_std": ["log-consistency.spread"],
}


def speaks(result: RuleResult) -> bool:
    """Whether a check has something to say beyond that all is well."""
    return any(finding.noted or finding.status is not Status.PASS for finding in result.findings)


def seen(corpus: Path, challenge: Path) -> tuple[Counter, Counter, list[str]]:
    """Anomalies by severity, those that were seen, and the others one by one."""
    policy, leaderboard, rules = load(DEFAULT), Leaderboard.load(), all_rules()
    listed: Counter = Counter()
    found: Counter = Counter()
    missed = []
    for folder in json.loads((corpus / "truth.json").read_text()):
        if not folder["anomalies"]:
            continue
        tree = tree_at(challenge, COMMIT, f"records/{folder['track']}/{folder['folder']}")
        case = open_case(tree, policy, leaderboard)
        results = {rule.code: rule for rule in rules}
        for anomaly in folder["anomalies"]:
            listed[anomaly["severity"]] += 1
            checks = [results[code] for code in CHECKS.get(anomaly["code"], ()) if code in results]
            if any(speaks(judge(rule, case, {})) for rule in checks):
                found[anomaly["severity"]] += 1
            else:
                missed.append(
                    f"{anomaly['severity']:4} {anomaly['code']:26} {folder['folder'][:40]}: {anomaly['text'][:110]}"
                )
    return listed, found, missed


def main() -> None:
    listed, found, missed = seen(Path(os.environ["PGOLF_CORPUS"]), Path(os.environ["PGOLF_CHALLENGE"]))
    for severity in ("high", "med", "low"):
        print(f"{severity:4} {found[severity]} of {listed[severity]}")
    print("\n".join(sorted(missed)))


if __name__ == "__main__":
    main()
