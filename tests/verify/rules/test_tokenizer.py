"""Byte tables, tokenizers that change the text, and stored validation tokens."""

import pytest

from tests.verify.rules.judged import FAIL, PASS, UNPROVEN, WARN
from tests.verify.rules.scripted import case_of, places, says, whole
from verify.logs.model import Event

SILENT = "def evaluate(h, model, tokens):\n    return 0.0\n"
TABLE = """
def table(sp, size):
    sizes, spaced = np.zeros(size), np.zeros(size, bool)
    for i in range(size):
        piece = sp.id_to_piece(i)
        if piece.startswith("{mark}"):
            spaced[i] = True
            piece = piece[1:]
        sizes[i] = len(piece.encode("utf-8")){extra}
    return sizes, spaced

def evaluate(h, model, tokens):
    sizes, has_space = table(model.sp, 1024)
    loss = count = 0.0
    for x, y in model.windows(tokens):
        loss += F.cross_entropy(model(x), y).item()
        each = sizes[y]
        each += has_space[y]{edge}
        count += each.sum()
    return loss / count
"""
RIGHT = TABLE.format(mark="\u2581", extra="", edge=" & ~model.edge[x]")
DOUBLE = TABLE.format(mark="\u2581", extra=" + 1", edge=" & ~model.edge[x]")
ONLY_TABLE = TABLE.format(mark="\u2581", extra=" + 1", edge="").replace("        each += has_space[y]\n", "")
OTHER_MARK = TABLE.format(mark="?", extra="", edge=" & ~model.edge[x]")
BY_NUMBER = OTHER_MARK.replace('"?"', "chr(0x2581)")
ESCAPED = OTHER_MARK.replace('"?"', '"\\u2581"')
FROM_FILE = """
def evaluate(h, model, tokens):
    data = np.load("tokenizer.meta.npz")
    base_bytes = np.asarray(data["base_bytes"])
    return model.loss(tokens) / base_bytes[tokens].sum()
"""
FROM_SIDECAR = FROM_FILE.replace('data["base_bytes"]', "data").replace(
    '"tokenizer.meta.npz"', '"fineweb_val_bytes.npy"'
)
CONSTANT = """
BYTES_PER_TOKEN = 3.9

def evaluate(h, model, tokens):
    val_bpb = model.loss(tokens) / math.log(2.0) / BYTES_PER_TOKEN
    return val_bpb
"""


@pytest.mark.parametrize(
    "body", [DOUBLE, OTHER_MARK, FROM_FILE, CONSTANT], ids=["double", "other mark", "file", "constant"]
)
def test_byte_counts_that_cannot_be_right_or_be_seen_are_leads(body):
    result = says("bpb-bytes.table", case_of(whole(body)))
    assert result.status is UNPROVEN
    assert result.findings[0].probe == "byte-recount"


@pytest.mark.parametrize(
    "body",
    [RIGHT, ONLY_TABLE, BY_NUMBER, ESCAPED, FROM_SIDECAR],
    ids=["loop", "table", "number", "escape", "sidecar"],
)
def test_the_space_counted_once_is_legal(body):
    assert says("bpb-bytes.table", case_of(whole(body))).status is PASS


def test_the_script_that_a_log_holds_is_read_too():
    logged = 'if piece.startswith("?"):\n    has_leading_space_np[token_id] = True\n'
    result = says("bpb-bytes.table", case_of(whole(RIGHT), log_source=logged))
    assert result.status is UNPROVEN
    assert result.findings[0].places[0].line == 5
    right = logged.replace("?", "\u2581")
    assert says("bpb-bytes.table", case_of(whole(RIGHT), log_source=right)).status is PASS


@pytest.mark.parametrize(
    "given",
    [
        {"title": "Casefold tokenizer"},
        {"logged": {"tokenizer_path": "./data/tokenizers/sp_case-fold.model"}},
        {"tokenizers": ["casefold_8192.model"]},
    ],
    ids=["title", "path", "file"],
)
def test_case_folded_text_is_a_warning(given):
    assert says("tokenizer.transform", case_of(whole(SILENT), **given)).status is WARN


def test_a_lossless_transform_is_legal():
    case = case_of(whole(SILENT), title="Lossless CaseOps", tokenizers=["fineweb_8192_lossless_caps_caseops_v1.model"])
    assert says("tokenizer.transform", case).status is PASS


def test_a_tokenizer_that_the_run_trains_is_a_lead():
    train = 'spm.SentencePieceTrainer.train(input="text")'
    body = f"import sentencepiece as spm\n\ndef evaluate(h, model, tokens):\n    {train}\n    return 0.0\n"
    assert says("tokenizer.trained", case_of(whole(body))).status is UNPROVEN
    other = body.replace(train, "model.train(False)")
    assert says("tokenizer.trained", case_of(whole(other))).status is PASS


COVERED = """
def evaluate(h, model, tokens):
    prefix, total = model.read_prefix(), 0.0
    for start, x, y in model.windows(tokens):
        nll = F.cross_entropy(model(x), y, reduction="none")
        stored = prefix[start : start + len(y)]
        known = stored == y
        {clear}
        total += nll.sum().item()
    return total
"""


@pytest.mark.parametrize(
    "clear",
    [
        "nll *= (~known).float()",
        "nll[known] = 0.0",
        "nll.masked_fill_(known, 0.0)",
        "nll[:] = nll * (1 - known.float())",
    ],
    ids=["times", "set", "fill", "product"],
)
def test_losses_cleared_where_a_stored_token_is_the_target_are_leads(clear):
    result = says("no-val-artifact.prefix", case_of(whole(COVERED.format(clear=clear))))
    assert result.status is UNPROVEN
    assert "known = stored == y" in places(result)


@pytest.mark.parametrize("clear", ["print(known.sum())", "nll[mask] = 0.0"], ids=["report", "padding"])
def test_comparisons_that_clear_nothing_are_legal(clear):
    assert says("no-val-artifact.prefix", case_of(whole(COVERED.format(clear=clear)))).status is PASS


@pytest.mark.parametrize(("tokens", "status"), [(5_294_336, FAIL), (0, PASS)])
def test_a_log_that_counts_covered_tokens_fails(tokens, status):
    event = Event("paid_prefix", {"covered_tokens": tokens}, 96, f"paid_prefix:inline covered_tokens:{tokens:,}")
    assert says("no-val-artifact.log", case_of(whole(SILENT), events=[event])).status is status
