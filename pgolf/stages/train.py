"""Train: training shards -> weights.pt, the averaged weights. Never sees validation data.

A step is always the same number of micro-batches, one for each logical rank, whatever the number of GPUs; this process
runs its share of them. The clock starts after the warm-up that compiles, which leaves no trace in weights or data order.
"""

# B sequences, T positions
import io
import math
import time

import torch

from pgolf.core import ranks, run
from pgolf.core.errors import StageError
from pgolf.core.events import event
from pgolf.core.files import write_whole
from pgolf.core.load import load
from pgolf.data.shards import find_shards
from pgolf.model import gpt
from pgolf.optim import groups
from pgolf.optim.schedule.progress import Progress


class Trainer:
    def __init__(self, cfg, model):
        self.cfg, self.model = cfg, model
        self.forward = ranks.compiled(model)
        self.logical = cfg.hardware.logical_ranks
        self.mine = ranks.logical_ranks(self.logical)
        self.sequences = cfg.train.batch_tokens // (self.logical * cfg.train.sequence_tokens)
        self.restart()

    def restart(self) -> None:
        """Data from the beginning, optimizers without a past."""
        self.loader = make_loader(self.cfg, self.cfg.data.loader)
        self.optimizers = groups.build(self.cfg.optim, self.model)
        self.treatment = load("optim.gradients", self.cfg.optim.gradients).build(
            self.cfg.optim.gradients, self.model, self.logical
        )

    def gradients(self) -> torch.Tensor:
        """Leaves the mean gradient of the step's tokens in the model; this rank's part of the mean loss, nats."""
        total = torch.zeros((), device=ranks.device())
        for logical_rank in self.mine:
            tokens_BT, *segments = map(to_device, self.loader.next_batch(logical_rank, self.sequences))
            loss = self.forward(tokens_BT[:, :-1], tokens_BT[:, 1:], *segments).mean() / self.logical
            self.treatment.backward(loss)
            total += loss.detach()
        if run.WORLD > 1:
            for dtype in dict.fromkeys(p.dtype for p in self.model.parameters()):  # one order on all ranks
                grads = [p.grad for p in self.model.parameters() if p.dtype == dtype]
                flat = ranks.all_sum(torch.cat([g.flatten() for g in grads]))
                for grad, piece in zip(grads, flat.split([g.numel() for g in grads]), strict=True):
                    grad.copy_(piece.view_as(grad))
        return total

    def step(self, multiplier: float, number: int) -> torch.Tensor:
        """One optimizer step; this rank's part of the loss before it."""
        loss = self.gradients()
        self.treatment.finish(multiplier)
        for optimizer in self.optimizers:
            optimizer.update(multiplier, number)
        self.model.zero_grad(set_to_none=True)
        return loss

    def warm_up(self, steps: int) -> None:
        """Run every shape once so that it is compiled, then forget all of it."""
        before = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        for phase in range(len(self.model.orders)):
            self.model.phase = phase
            for number in range(steps):
                self.step(1.0, number)
                event("warmup_step", step=number + 1, steps=steps, phase=phase)
        self.model.phase = 0
        self.model.load_state_dict(before)
        self.restart()


def to_device(array) -> torch.Tensor:
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(ranks.device(), non_blocking=True) if ranks.device().type == "cuda" else tensor


def make_loader(cfg, how):
    """A loader over the recipe's training shards, from the beginning."""
    paths = find_shards(run.dataset(cfg), "train", cfg.data.train_shards)[: cfg.data.train_shards]
    return load("data", how).build(paths, cfg.train.sequence_tokens, cfg.hardware.logical_ranks, how)


def finite(loss: torch.Tensor, step: int) -> float:
    value = loss.item()
    if not math.isfinite(value):
        raise StageError(f"the training loss is {value} at step {step}. Lower optim.*.lr, or check the data.")
    return value


def run_stage(cfg) -> None:
    torch.manual_seed(run.seed())
    model = gpt.build(cfg.model, ranks.device(), ranks.activation_dtype())
    trainer = Trainer(cfg, model)
    event("data", train_shards=cfg.data.train_shards)
    event("model", parameters=sum(p.numel() for p in model.parameters()))
    stop, budgets = cfg.train.stop, cfg.budgets
    cap_seconds = budgets.train_seconds - budgets.calibration_reserve_seconds if stop.kind == "seconds" else None
    trainer.warm_up(cfg.train.warmup_steps)
    average = load("average", cfg.average).build(cfg.average, model)
    schedule = load("optim.schedule", cfg.optim.schedule)
    depth = load("model.depth", cfg.model.depth)

    ranks.synchronize()
    ranks.barrier()
    event("clock", phase="train", limit_seconds=budgets.train_seconds)
    start = shown = time.perf_counter()
    recent = torch.zeros((), pin_memory=ranks.device().type == "cuda")
    slowest, elapsed, reason = 0.0, 0.0, "finished: max_steps"
    for step in range(stop.steps):
        if cap_seconds:
            # Near the end the GPU is waited for, so that the clock is true and the last step still fits.
            if elapsed + 5 * slowest > cap_seconds:
                ranks.synchronize()
            now = ranks.from_rank_0(time.perf_counter() - start)
            slowest = max(now - elapsed, 0.9 * slowest)
            elapsed = now
            if elapsed + slowest > cap_seconds:
                reason = "stopping_early: wallclock_cap"
                break
        progress = Progress(step, stop.steps, elapsed, cap_seconds)
        phase = depth.phase(cfg.model.depth, progress)
        if phase != model.phase:
            model.phase = phase
            encoder, decoder = model.split()
            event("loop", step=step, fraction=progress.fraction, encoder=encoder, decoder=decoder)
        multiplier = schedule.multiplier(cfg.optim.schedule, progress)
        loss = trainer.step(multiplier, step)
        done = step + 1
        average.update(multiplier, done)
        now = time.perf_counter()
        if done <= cfg.train.log_first_steps or done % cfg.train.log_every_steps == 0 or done == stop.steps:
            seconds = now - start
            event(
                "train_step",
                step=done,
                steps=stop.steps,
                loss_nats_per_token=finite(ranks.all_sum(loss), done),
                seconds=seconds,
                tokens_per_second=done * cfg.train.batch_tokens / seconds,
            )
        elif run.RANK == 0 and now - shown > 1:
            if shown > start:
                part = finite(recent, done) * run.WORLD
                event("progress", stage="train", done=done, seconds=now - start, loss_nats_per_token=part)
            shown = now
            recent.copy_(loss, non_blocking=True)  # read a second later, so that nobody waits for the GPU
    else:
        step = stop.steps
    ranks.synchronize()
    seconds = time.perf_counter() - start
    event("train_end", reason=reason, seconds=seconds, step=step, steps=stop.steps)
    trainer.treatment.leave()
    average.apply()
    if not all(bool(p.isfinite().all()) for p in model.parameters()):
        raise StageError("the trained weights are not finite. Lower optim.*.lr, or check the data.")
    if run.RANK == 0:
        file = io.BytesIO()  # torch.save to a full disk does not say that it is full
        torch.save(model.state_dict(), file)
        write_whole(run.WEIGHTS, file.getvalue())
        event("weights", weights_bytes=len(file.getvalue()))
