"""What a recipe cannot say because the challenge does not allow it: the reason, and the public ruling, for those who try.

There is no technique of any of these names, so nothing here is a check: it is the answer to a question.
Rulings are threads of openai/parameter-golf.
"""

import re

RULED_OUT = (
    (
        r"pre_?quant|prequant|adapt_(first|before)|val(idation)?_train|train_on_val",
        "training on validation tokens before they are scored is not allowed, also before quantisation (PR 1376 closed on "
        "10 April; announcement 1902 leaves out the whole family). Use evaluation.score: {kind: ttt_sgd}, which scores first",
    ),
    (
        r"(^|_)slot(_|$)|delta_(hidden|logits)|etlb|logit_bias",
        "optimising a shift on the tokens that it then scores breaks causality (SLOT: PRs 1229, 1329, 1430 closed; the "
        "context-only form of issue 1336 was never accepted). Use evaluation.score: {kind: ttt_sgd}, which scores first",
    ),
    (
        r"two_?pass|multi_?pass|rescore|second_pass|min_over|best_of|last_epoch",
        "a validation token is scored once, in one pass, before anything learns from it (PRs 846, 868, 888, 959: second "
        "passes and the best of several epochs were closed). Epochs over chunks that are already scored are allowed",
    ),
    (
        r"(target|boundary|word)_?gat|within_word|word_start|gate_on_target",
        "a hint whose presence depends on the token that it predicts leaks it (PR 1420, again in 1967, 2018, 2118, 2140). Use "
        "evaluation.score.tilt, whose hints depend on earlier tokens alone",
    ),
    (
        r"hash(ed)?_?(n_?gram|cache|mix)|n_?gram_?(cache|mix)|backoff|knn|ppm|byte_?mix|cache_?mix",
        "caches that mix into the probability of the target without renormalising over the vocabulary are no distribution "
        "(closing note of PR 982; byte mixtures: announcement 1902, condition C2). Use evaluation.score.tilt, which "
        "renormalises",
    ),
    (
        r"val(idation)?_?calib|calib\w*_val",
        "calibration sees training data only (PR 728: Hessians from validation data). Choose data.calibration",
    ),
    (
        r"val(idation)?_?(docs|documents|tokens|fraction|subset|limit)",
        "the validation set is the first 50,000 documents, whole (issue 2127; PRs 1785, 1835, 1923 scored a part). Leave it out",
    ),
)


def ruling(name: str) -> str | None:
    """Why there is no technique or field called `name`; None when it is merely unknown."""
    return next((why for pattern, why in RULED_OUT if re.search(pattern, name.lower())), None)
