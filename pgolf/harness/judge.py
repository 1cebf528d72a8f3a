"""May these runs become a record? Each fault is a sentence; no sentence, no fault."""

from typing import Any

from pgolf.harness.dataset.known import VALIDATION_BYTES_MAX, VALIDATION_BYTES_MIN, VALIDATION_TARGETS
from pgolf.harness.schema.recipe import Recipe


def faults(run: dict[str, Any], recipe: Recipe) -> list[str]:
    """What keeps one seed's run out of a record under the recipe's own budgets, by the clocks outside the stages."""
    budgets = recipe.budgets
    training = run["train"]["outside_seconds"] + run["calibration"]["outside_seconds"]
    final = run["scores"]["final"]
    total_bytes, code_bytes = run["bytes"]["total"], run["bytes"]["code"]
    found = []
    if total_bytes > budgets.artifact_bytes:
        found.append(
            f"{total_bytes:,} bytes (code {code_bytes:,}, model {run['bytes']['model']:,}) are "
            f"{total_bytes - budgets.artifact_bytes:,} over {budgets.artifact_bytes:,}. Lower quant bits, raise clip_sigmas, or "
            "make the model smaller."
        )
    if code_bytes != run["script_bytes"]:
        found.append(
            f"the script that was measured has {code_bytes:,} bytes, the one that ships {run['script_bytes']:,}."
        )
    if training > budgets.train_seconds:
        found.append(
            f"training {run['train']['outside_seconds']:.1f} s + calibration {run['calibration']['outside_seconds']:.1f} s is "
            f"{training - budgets.train_seconds:.3f} s over {budgets.train_seconds:.0f} s. "
            "Raise budgets.calibration_reserve_seconds or lower train.stop.steps."
        )
    if final["outside_seconds"] > budgets.eval_seconds:
        over = final["outside_seconds"] - budgets.eval_seconds
        found.append(
            f"evaluation took {final['outside_seconds']:.1f} s, {over:.3f} s over {budgets.eval_seconds:.0f} s."
        )
    if (known := VALIDATION_TARGETS.get(run["data"]["variant"])) is not None:
        targets = known.get(recipe.evaluation.score.window, frozenset().union(*known.values()))
        if final["tokens"] not in targets or not VALIDATION_BYTES_MIN <= final["bytes"] <= VALIDATION_BYTES_MAX:
            found.append(
                f"{final['tokens']:,} targets of {final['bytes']:,} bytes were scored; {run['data']['variant']} has "
                f"{', '.join(f'{n:,}' for n in sorted(targets))} targets of {VALIDATION_BYTES_MIN:,} to {VALIDATION_BYTES_MAX:,} "
                "bytes. Run `pgolf data check`."
            )
    return found


def missing_seeds(runs: list[dict[str, Any]], recipe: Recipe) -> list[int]:
    return sorted(set(recipe.seeds) - {run["seed"] for run in runs})


def mixed(runs: list[dict[str, Any]]) -> list[str]:
    """Facts that must be the same for all seeds of a record and are not."""
    same = ("recipe_digest", "script_sha256", "world_size", "parameters")
    found = [key for key in same if len({str(run[key]) for run in runs}) > 1]
    if len({str(run["data"]) for run in runs}) > 1:
        found.append("data")
    return found
