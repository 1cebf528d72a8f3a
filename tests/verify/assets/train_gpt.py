"""A small legal record script: trains by the clock, calibrates on training data, scores before it adapts."""

import glob
import io
import math
import os
import random
import time

import brotli
import numpy as np
import sentencepiece as spm
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn


class Hyperparameters:
    data_dir = os.environ.get("DATA_DIR", "./data/")
    seed = int(os.environ.get("SEED", 42))
    iterations = int(os.environ.get("ITERATIONS", 20000))
    max_wallclock_seconds = float(os.environ.get("MAX_WALLCLOCK_SECONDS", 600.0))
    gptq_reserve_seconds = float(os.environ.get("GPTQ_RESERVE_SECONDS", 12.0))
    vocab_size = int(os.environ.get("VOCAB_SIZE", 8192))
    train_seq_len = int(os.environ.get("TRAIN_SEQ_LEN", 2048))
    train_batch_tokens = int(os.environ.get("TRAIN_BATCH_TOKENS", 786432))
    train_log_every = int(os.environ.get("TRAIN_LOG_EVERY", 500))
    eval_stride = int(os.environ.get("EVAL_STRIDE", 64))
    model_dim = int(os.environ.get("MODEL_DIM", 512))
    num_layers = int(os.environ.get("NUM_LAYERS", 11))
    matrix_lr = float(os.environ.get("MATRIX_LR", 0.022))
    matrix_bits = int(os.environ.get("MATRIX_BITS", 6))
    ttt_enabled = bool(int(os.environ.get("TTT_ENABLED", "1")))
    ttt_lr = float(os.environ.get("TTT_LR", 0.005))
    ttt_epochs = int(os.environ.get("TTT_EPOCHS", 3))
    ttt_chunk_tokens = int(os.environ.get("TTT_CHUNK_TOKENS", 32768))
    datasets_dir = os.path.join(data_dir, "datasets", f"fineweb10B_sp{vocab_size}")
    train_files = os.path.join(datasets_dir, "fineweb_train_*.bin")
    val_files = os.path.join(datasets_dir, "fineweb_val_*.bin")
    tokenizer_path = os.path.join(data_dir, "tokenizers", f"fineweb_{vocab_size}_bpe.model")
    rank = int(os.environ.get("RANK", "0"))
    world_size = int(os.environ.get("WORLD_SIZE", "1"))


def log(text):
    if Hyperparameters.rank == 0:
        print(text, flush=True)


def load_shard(path):
    header = np.fromfile(path, dtype="<i4", count=256)
    return torch.from_numpy(np.fromfile(path, dtype="<u2", count=int(header[2]), offset=1024).astype(np.int64))


def load_validation_tokens(pattern, seq_len):
    tokens = torch.cat([load_shard(path) for path in sorted(glob.glob(pattern))])
    usable = (tokens.numel() - 1) // seq_len * seq_len
    return tokens[: usable + 1]


class TrainLoader:
    def __init__(self, pattern, seq_len):
        self.paths, self.seq_len, self.at, self.start = sorted(glob.glob(pattern)), seq_len, 0, 0
        self.tokens = load_shard(self.paths[0])

    def next_batch(self, batch_tokens):
        if self.start + batch_tokens + 1 > self.tokens.numel():
            self.at, self.start = (self.at + 1) % len(self.paths), 0
            self.tokens = load_shard(self.paths[self.at])
        part = self.tokens[self.start : self.start + batch_tokens + 1]
        self.start += batch_tokens
        return part[:-1].view(-1, self.seq_len).cuda(), part[1:].view(-1, self.seq_len).cuda()


def byte_table(tokenizer, vocab_size):
    counts, leading = torch.zeros(vocab_size), torch.zeros(vocab_size, dtype=torch.bool)
    for index in range(tokenizer.vocab_size()):
        if tokenizer.is_control(index) or tokenizer.is_unknown(index):
            continue
        if tokenizer.is_byte(index):
            counts[index] = 1
            continue
        piece = tokenizer.id_to_piece(index)
        leading[index] = piece.startswith("\u2581")
        counts[index] = len(piece.removeprefix("\u2581").encode("utf-8"))
    return counts.cuda(), leading.cuda()


class Block(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.mix = nn.Linear(dim, 3 * dim, bias=False)
        self.out = nn.Linear(dim, dim, bias=False)
        self.up, self.down = nn.Linear(dim, 4 * dim, bias=False), nn.Linear(4 * dim, dim, bias=False)

    def forward(self, x):
        q, k, v = (part.unflatten(-1, (8, -1)).transpose(1, 2) for part in self.mix(x).chunk(3, dim=-1))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).flatten(2))
        return x + self.down(F.relu(self.up(x)).square())


class GPT(nn.Module):
    def __init__(self, h):
        super().__init__()
        self.embed = nn.Embedding(h.vocab_size, h.model_dim)
        self.blocks = nn.ModuleList(Block(h.model_dim) for _ in range(h.num_layers))

    def forward(self, ids):
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x)
        return 30.0 * torch.tanh(F.rms_norm(x, (x.size(-1),)) @ self.embed.weight.T / 30.0)


def token_losses(model, x, y):
    logits = model(x).float()
    return F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none").view_as(y)


def scores(loss_sum, token_count, byte_count):
    loss = loss_sum / token_count
    return loss, loss / math.log(2.0) * token_count / byte_count


def bytes_of(table, x, y):
    counts, leading = table
    return (counts[y] + leading[y]).sum().item()


def eval_val(h, model, tokens, table):
    loss_sum = token_count = byte_count = 0.0
    with torch.no_grad():
        for start in range(0, tokens.numel() - 1, h.train_seq_len):
            part = tokens[start : start + h.train_seq_len + 1].cuda()
            x, y = part[None, :-1], part[None, 1:]
            loss_sum += token_losses(model, x, y).double().sum().item()
            token_count += y.numel()
            byte_count += bytes_of(table, x, y)
    return scores(loss_sum, token_count, byte_count)


def window(h, model, tokens, table, start):
    """The loss of the last `eval_stride` tokens of one window; of all of it where it is the first."""
    first = max(0, start + h.eval_stride - h.train_seq_len)
    part = tokens[first : start + h.eval_stride + 1].cuda()
    x, y = part[None, :-1], part[None, 1:]
    fresh = y.numel() - (start - first)
    losses = token_losses(model, x, y)[:, -fresh:]
    return losses.double().sum().item(), fresh, bytes_of(table, x[:, -fresh:], y[:, -fresh:])


def eval_val_sliding(h, model, tokens, table):
    loss_sum = token_count = byte_count = 0.0
    with torch.no_grad():
        for start in range(0, tokens.numel() - 1, h.eval_stride):
            loss, count, size = window(h, model, tokens, table, start)
            loss_sum, token_count, byte_count = loss_sum + loss, token_count + count, byte_count + size
    return scores(loss_sum, token_count, byte_count)


def eval_val_ttt(h, model, tokens, table):
    """Chunk by chunk: score all of it, then train on it. What was scored is never scored again."""
    chunks = math.ceil((tokens.numel() - 1) / h.ttt_chunk_tokens)
    log(f"ttt:start chunks={chunks} ttt_lr={h.ttt_lr} ttt_epochs={h.ttt_epochs}")
    optimizer = torch.optim.SGD(model.parameters(), lr=h.ttt_lr, momentum=0.9)
    loss_sum = token_count = byte_count = 0.0
    for chunk in range(chunks):
        begin = chunk * h.ttt_chunk_tokens
        end = min(begin + h.ttt_chunk_tokens, tokens.numel() - 1)
        with torch.no_grad():
            for start in range(begin, end, h.eval_stride):
                loss, count, size = window(h, model, tokens, table, start)
                loss_sum, token_count, byte_count = loss_sum + loss, token_count + count, byte_count + size
        if chunk == chunks - 1:
            break
        x, y = tokens[begin:end].view(-1, h.train_seq_len).cuda(), tokens[begin + 1 : end + 1].view(-1, h.train_seq_len)
        for _ in range(h.ttt_epochs):
            optimizer.zero_grad(set_to_none=True)
            token_losses(model, x, y.cuda()).mean().backward()
            optimizer.step()
    return scores(loss_sum, token_count, byte_count)


def collect_hessians(h, model, loader):
    log("GPTQ:collecting Hessians from calibration data...")
    start, hessians, hooks = time.perf_counter(), {}, []
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear):

            def hook(_, inputs, __, name=name):
                flat = inputs[0].detach().flatten(0, -2).float()
                hessians[name] = hessians.get(name, 0) + flat.T @ flat

            hooks.append(layer.register_forward_hook(hook))
    with torch.no_grad():
        for _ in range(16):
            model(loader.next_batch(h.train_batch_tokens)[0])
    for hook in hooks:
        hook.remove()
    log(f"GPTQ:collected {len(hessians)} Hessians in {time.perf_counter() - start:.1f}s")
    return hessians


def quantize(h, model, hessians):
    top, state = 2 ** (h.matrix_bits - 1) - 1, {}
    for name, value in model.state_dict().items():
        if value.ndim < 2:
            state[name] = value.half().cpu()
            continue
        scale = (12.85 * value.float().std(dim=1) / top).clamp_min(1e-8).half()
        state[name] = (value / scale[:, None]).round().clamp(-top, top).to(torch.int8).cpu(), scale.cpu()
    return state


def serialize(h, model, hessians, code):
    buffer = io.BytesIO()
    torch.save(quantize(h, model, hessians), buffer)
    data = brotli.compress(buffer.getvalue(), quality=11)
    with open("final_model.int6.ptz", "wb") as file:
        file.write(data)
    log(f"Code size: {len(code)} bytes")
    log(f"Serialized model quantized+brotli: {len(data)} bytes")
    log(f"Total submission size quantized+brotli: {len(data) + len(code)} bytes")


def deserialize(h):
    with open("final_model.int6.ptz", "rb") as file:
        state = torch.load(io.BytesIO(brotli.decompress(file.read())))
    model = GPT(h).cuda().bfloat16()
    model.load_state_dict({k: v[0] * v[1][:, None] if isinstance(v, tuple) else v for k, v in state.items()})
    return model


def timed(label, fn, *arguments):
    torch.cuda.synchronize()
    start = time.perf_counter()
    loss, bpb = fn(*arguments)
    torch.cuda.synchronize()
    log(f"{label} val_loss:{loss:.8f} val_bpb:{bpb:.8f} eval_time:{1000 * (time.perf_counter() - start):.0f}ms")


def train(h, model, loader):
    optimizer = torch.optim.AdamW(model.parameters(), lr=h.matrix_lr)
    stop_ms = 1000 * (h.max_wallclock_seconds - h.gptq_reserve_seconds)
    log(f"gptq:reserving {h.gptq_reserve_seconds:.0f}s, effective={stop_ms:.0f}ms")
    start, train_ms = time.perf_counter(), 0.0
    for step in range(1, h.iterations + 1):
        x, y = loader.next_batch(h.train_batch_tokens)
        optimizer.zero_grad(set_to_none=True)
        loss = token_losses(model, x, y).mean()
        loss.backward()
        optimizer.step()
        torch.cuda.synchronize()
        train_ms = 1000 * (time.perf_counter() - start)
        if step <= 5 or step % h.train_log_every == 0:
            rate = step * h.train_batch_tokens / (train_ms / 1000)
            log(f"{step}/{h.iterations} train_loss: {loss:.4f} train_time: {train_ms / 60000:.1f}m tok/s: {rate:.0f}")
        if train_ms >= stop_ms:
            log(f"stopping_early: wallclock_cap train_time: {train_ms:.0f}ms step: {step}/{h.iterations}")
            break
    log(f"peak memory allocated: {torch.cuda.max_memory_allocated() // 1024**2} MiB")


def main():
    h = Hyperparameters()
    with open(__file__, encoding="utf-8") as file:
        code = file.read().encode("utf-8")
    torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    if h.world_size > 1:
        dist.init_process_group("nccl")
    random.seed(h.seed)
    np.random.seed(h.seed)
    torch.manual_seed(h.seed)
    log("Hyperparameters:")
    for name in sorted(name for name in dir(h) if not name.startswith("_")):
        log(f"  {name}: {getattr(h, name)}")
    tokenizer = spm.SentencePieceProcessor(model_file=h.tokenizer_path)
    table = byte_table(tokenizer, h.vocab_size)
    val_tokens = load_validation_tokens(h.val_files, h.train_seq_len)
    log(f"train_shards: {len(glob.glob(h.train_files))}")
    log(f"val_tokens: {val_tokens.numel() - 1}")
    model = GPT(h).cuda().bfloat16()
    log(f"model_params:{sum(p.numel() for p in model.parameters())}")
    loader = TrainLoader(h.train_files, h.train_seq_len)
    train(h, model, loader)
    timed("pre-quantization post-ema", eval_val, h, model, val_tokens, table)
    hessians = collect_hessians(h, model, loader)
    serialize(h, model, hessians, code)
    model = deserialize(h)
    timed("quantized", eval_val, h, model, val_tokens, table)
    timed("quantized_sliding_window", eval_val_sliding, h, model, val_tokens, table)
    if h.ttt_enabled:
        timed("quantized_ttt", eval_val_ttt, h, model, val_tokens, table)


if __name__ == "__main__":
    main()
