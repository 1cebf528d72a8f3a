"""Our own small scripts: one for each way of learning before scoring, and legal ones that look like it."""

from tests.verify.static.written import whole

SUMS = """
    loss_sum = torch.zeros((), dtype=torch.float64)
    byte_sum = torch.zeros((), dtype=torch.float64)
"""
RETURN = "    return loss_sum / math.log(2.0) / byte_sum\n"
THEN = "bpb = eval_val(args, model, tokens, table)"

TUNE = """
def tune(args, model, stream):
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    for epoch in range(args.epochs):
        for start in range(0, stream.numel() - 1, args.seq_len):
            piece = stream[start : start + args.seq_len + 1]
            loss = model(piece[:-1], piece[1:]).mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
"""
CHUNKS = """
def eval_chunks(args, model, stream, byte_table):
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
{sums}
    for start in range(0, stream.numel() - 1, args.seq_len):
        piece = stream[start : start + args.seq_len + 1]
        x, y = piece[:-1], piece[1:]
{body}
{end}"""
SCORE = """
        with torch.no_grad():
            loss_sum += model(x, y).sum()
            byte_sum += byte_table[y].sum()
"""
LEARN = """
        for epoch in range(args.epochs):
            model(x, y).mean().backward()
            optimizer.step()
            optimizer.zero_grad()
"""
EPOCHS = """
def eval_epochs(args, model, stream, byte_table):
{sums}
    for start in range(0, stream.numel() - 1, args.seq_len):
        piece = stream[start : start + args.seq_len + 1]
        adapter = Adapter(model)
        optimizer = torch.optim.Adam(adapter.parameters(), lr=1e-2)
        for epoch in range(args.epochs):
            for part in piece.split(64):
                losses = model(part[:-1], part[1:], adapter)
                if {counted}:
                    loss_sum += losses.detach().sum()
                    byte_sum += byte_table[part[1:]].sum()
                losses.mean().backward()
                optimizer.step()
                optimizer.zero_grad()
{end}"""
SLOT = """
def eval_delta(args, model, stream, byte_table):
{sums}
    for start in range(0, stream.numel() - 1, args.seq_len):
        piece = stream[start : start + args.seq_len + 1]
        x, y = piece[:-1], piece[1:]
        hidden = model.logits(x).detach()
        delta = torch.zeros(1, 1024, requires_grad=True)
        opt = torch.optim.AdamW([delta], lr=1e-2)
        {loop}
        losses = F.cross_entropy(hidden + delta.detach(), y, reduction="none")
        loss_sum += losses.sum()
        byte_sum += byte_table[y].sum()
{end}"""
FIT = """for _ in range(8):
            loss = F.cross_entropy({what})
            loss.backward()
            opt.step()
            opt.zero_grad()
"""
LBFGS = """def closure():
            opt.zero_grad()
            loss = F.cross_entropy(hidden + delta, y)
            loss.backward()
            return loss
        opt.step(closure)
"""
CACHE = """
class Counts:
    def __init__(self):
        self.ctx_table = np.zeros(1 << 16, dtype=np.int64)

    def add(self, stream, start, stop):
        np.add.at(self.ctx_table, stream[start:stop].numpy() % (1 << 16), 1)

    def read(self, stream, start, stop):
        return self.ctx_table[stream[start:stop].numpy() % (1 << 16)]

def eval_counts(args, model, stream, byte_table):
{sums}
    cache = Counts()
{before}
    for start in range(0, stream.numel() - 1, args.seq_len):
        stop = start + args.seq_len
        piece = stream[start : stop + 1]
        nll = model(piece[:-1], piece[1:]) - torch.from_numpy(cache.read(stream, start, stop)).log1p()
        loss_sum += nll.sum()
        byte_sum += byte_table[piece[1:]].sum()
{after}
{end}"""
FILL = "    for first in range(0, stream.numel(), 4096):\n        cache.add(stream, first, first + 4096)\n"
HESSIAN = """
def collect_hessians(model, batches):
    sums = {}
    def hook(module, inputs, output):
        x = inputs[0].flatten(0, -2)
        sums[module] = sums.get(module, 0) + x.T @ x
    handle = model.head.register_forward_hook(hook)
    for x, y in batches:
        model(x, y)
    handle.remove()
    return sums
"""


def filled(text: str, **parts: str) -> str:
    return text.format(sums=SUMS, end=RETURN, **parts)


def chunks(*body: str) -> str:
    return whole(filled(CHUNKS, body="".join(body)), "bpb = eval_chunks(args, model, tokens, table)")


def slot(loop: str) -> str:
    return whole(filled(SLOT, loop=loop), "bpb = eval_delta(args, model, tokens, table)")


def counts(before: str, after: str) -> str:
    return whole(filled(CACHE, before=before, after=after), "bpb = eval_counts(args, model, tokens, table)")


def epochs(counted: str) -> str:
    return whole(filled(EPOCHS, counted=counted), "bpb = eval_epochs(args, model, tokens, table)")


def hessians(batches: str) -> str:
    return whole(HESSIAN, f"hessians = collect_hessians(model, {batches})\n{THEN}")


PREVIOUS = SCORE + "        held = piece\n"
LEARN_HELD = """
        if start > 0:
            model(held[:-1], held[1:]).mean().backward()
            optimizer.step()
"""
IN_MAIN = """
opt = torch.optim.SGD(model.parameters(), lr=1e-3)
for ep in range(args.epochs):
    for piece in tokens.split(512):
        model(piece[:-1], piece[1:]).mean().backward()
        opt.step()
"""
BY_HAND = """
def drift(model, stream):
    for piece in stream.split(512):
        loss = model(piece[:-1], piece[1:]).mean()
        grads = torch.autograd.grad(loss, list(model.parameters()))
        for p, g in zip(model.parameters(), grads):
            p.data.add_(g, alpha=-1e-3)
"""
TIMED = """
def timed(work, *given):
    return work(*given)
"""
PARTIAL = """
import functools
step = functools.partial(tune, args, model, tokens)
step()
"""
STORY = """
def story(model, count):
    x = torch.zeros(1, dtype=torch.long)
    for _ in range(count):
        x = torch.cat([x, torch.multinomial(model.logits(x).softmax(-1), 1)])
    return x
"""
SHARED = """
        losses = model(x, y)
        loss_sum += losses.detach().sum()
        byte_sum += byte_table[y].sum()
        losses.mean().backward()
        optimizer.step()
"""
DISGUISED = """
self_generated = [(p[:-1], p[1:]) for p in tokens.split(512)]
hessians = collect_hessians(model, self_generated)
"""
ORACLE = """
oracle = Counts()
x, y = train_loader.next_batch(1 << 20)
oracle.add(x, 0, 99)
bpb = eval_counts(args, model, tokens, table, oracle)
"""
WATCH = """
watch = Counts()
watch.add(train_loader.next_batch(9)[0], 0, 9)
bpb = eval_counts(args, model, tokens, table)
"""
DIAGNOSE = """
def diagnose(model, stream):
    probe = nn.Linear(64, 4)
    opt = torch.optim.Adam(probe.parameters(), lr=1e-3)
    for piece in stream.split(512):
        F.cross_entropy(probe(model.logits(piece)), piece).backward()
        opt.step()
"""
INSTEAD = """
if os.path.exists("x"):
    tune(args, model, tokens)
    return
"""
ORACLE_CACHE = ("    cache = oracle", "byte_table, oracle):")


def given_cache() -> str:
    """The evaluation with tables that the caller hands over."""
    before, parameters = ORACLE_CACHE
    return filled(CACHE, before=before, after="").replace("byte_table):", parameters)


def innocent() -> str:
    return whole(TUNE.replace("tune", "legal_calibrate"), f"warm = tokens\nlegal_calibrate(args, model, warm)\n{THEN}")


def nameless() -> str:
    source = whole(
        TUNE.replace("optimizer", "q").replace("torch.optim.SGD", "Mover"), f"tune(args, model, tokens)\n{THEN}"
    )
    return source.replace("loss_sum", "u").replace("tokens", "w").replace("tune", "f")


def kept() -> str:
    lines = slot(FIT.format(what="hidden + delta, y")).splitlines()
    made = [line for line in lines if line.strip().startswith(("delta = ", "opt = "))]
    rest = [line for line in lines if line not in made]
    at = next(i for i, line in enumerate(rest) if "def eval_delta" in line) + 1
    return "\n".join([*rest[:at], *(line[4:] for line in made), *rest[at:]])


ILLEGAL = {
    "adaptation before the scored pass": ("no-val-train.order", whole(TUNE, f"tune(args, model, tokens)\n{THEN}")),
    "adaptation in main": ("no-val-train.order", whole("", IN_MAIN + THEN)),
    "adaptation under an innocent name": ("no-val-train.order", innocent()),
    "adaptation through a partial": ("no-val-train.order", whole(TUNE, PARTIAL + THEN)),
    "adaptation with names that say nothing": ("no-val-train.order", nameless()),
    "adaptation in a lambda": ("no-val-train.order", whole(TUNE + TIMED, f"timed(lambda: tune(args, model, tokens))\n{THEN}")),
    "adaptation that is handed over": ("no-val-train.order", whole(TUNE + TIMED, f"timed(tune, args, model, tokens)\n{THEN}")),
    "adaptation by hand": ("no-val-train.order", whole(BY_HAND, f"drift(model, tokens)\n{THEN}")),
    "train, then score the chunk": ("c3-score-first.order", chunks(LEARN, SCORE)),
    "the last epoch counts": ("c3-score-first.order", epochs("epoch == args.epochs - 1")),
    "every epoch scores again": ("c4-single-pass.order", epochs("True")),
    "rounds without a name": (
        "c4-single-pass.order",
        epochs("True").replace("for epoch in range(args.epochs)", "for _ in range(4)"),
    ),
    "delta fitted to the window": ("no-slot.window", slot(FIT.format(what="hidden + delta, y"))),
    "delta kept from window to window": ("no-slot.window", kept()),
    "delta fitted by a closure": ("no-slot.window", slot(LBFGS)),
    "tables of the whole set": ("c4-single-pass.order", counts(FILL, "")),
    "Hessians of validation tokens": ("no-val-calib.source", hessians("[(p[:-1], p[1:]) for p in tokens[:9999].split(512)]")),
    "Hessians of validation tokens by another name": ("no-val-calib.source", whole(HESSIAN, DISGUISED + THEN)),
    "tables of training tokens that are handed over": ("no-train-at-eval.source", whole(given_cache(), ORACLE)),
}  # fmt: skip
LEGAL = {
    "nothing but scoring": whole(),
    "adaptation on training tokens": whole(TUNE, f"tune(args, model, train_loader.next_batch(9999)[0])\n{THEN}"),
    "adaptation on random tokens": whole(TUNE, f"tune(args, model, torch.randint(0, 1024, (9999,)))\n{THEN}"),
    "adaptation that nobody calls": whole(TUNE),
    "adaptation that is switched off": whole(TUNE, f"if not args.adapt_enabled:\n    tune(args, model, tokens)\n{THEN}"),
    "a probe fitted for a diagnosis": whole(DIAGNOSE, f"diagnose(model, tokens)\n{THEN}"),
    "adaptation after the last score": whole(TUNE, f"{THEN}\ntune(args, model, tokens)"),
    "adaptation instead of scoring": whole(TUNE, INSTEAD + THEN),
    "score first, several epochs": chunks(SCORE, LEARN),
    "train on the chunk before": chunks(LEARN_HELD, PREVIOUS),
    "score and step share a graph": chunks(SHARED),
    "one epoch": epochs("True").replace('os.environ.get("EPOCHS", 3)', 'os.environ.get("EPOCHS", 1)'),
    "tables of what is scored": counts("", "        cache.add(stream, start, stop)"),
    "Hessians of training tokens": hessians("[train_loader.next_batch(512)]"),
    "Hessians of random tokens": hessians("[torch.randint(0, 1024, (2, 512))]"),
    "Hessians of a story of its own": whole(
        HESSIAN + STORY, f"hessians = collect_hessians(model, [(story(model, 99), story(model, 99))])\n{THEN}"
    ),
    "counts for the training alone": whole(filled(CACHE, before="", after="        cache.add(stream, start, stop)"), WATCH),
}  # fmt: skip
