"""A whole recipe. Everything a run does follows from it, the data and the seed."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pgolf.harness.schema.base import Part, parts
from pgolf.harness.schema.data import Data, Documents
from pgolf.harness.schema.evaluation import DocumentBlocks, Evaluation, PhasedLora, TttSgdTilt
from pgolf.harness.schema.model import GqaDocuments, Model, Untied
from pgolf.harness.schema.optim import ClipAndWatch, Optim
from pgolf.harness.schema.quant import AnyCodec, AnyQuantizer, FitBase, GptqBase, GptqLqer, GradientBits
from pgolf.harness.schema.train import Budgets, Ema, Hardware, Last, Swa, Train

TRACK_LIMITS = {"track_10min_16mb": {"train_seconds": 600, "eval_seconds": 600, "artifact_bytes": 16_000_000}}
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class Author(Part):
    name: str
    github_id: str


class Recipe(Part):
    name: Name
    """Names the folders of runs and records."""
    title: Annotated[str, Field(pattern=r"^[^\r\n|]{1,120}$")]
    """One line for people."""
    track: Literal["track_10min_16mb", "track_non_record_16mb"]
    author: Author
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)]
    data: Data
    model: Model
    train: Train
    optim: Optim
    average: Annotated[Ema | Swa | Last, Field(discriminator="kind")]
    quant: AnyQuantizer
    codec: AnyCodec
    evaluation: Evaluation
    budgets: Budgets
    hardware: Hardware

    @model_validator(mode="after")
    def fits_together(self) -> Self:
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds {list(self.seeds)} repeat: a seed counts once")
        part = self.hardware.logical_ranks * self.train.sequence_tokens
        if self.train.batch_tokens % part:
            raise ValueError(
                f"train.batch_tokens {self.train.batch_tokens} is not a multiple of hardware.logical_ranks * "
                f"train.sequence_tokens = {part}"
            )
        if isinstance(self.model.vocabulary, Untied) != (self.optim.head is not None):
            raise ValueError(
                f"optim.head is {'null' if self.optim.head is None else 'there'}, but model.vocabulary.kind is "
                f"{self.model.vocabulary.kind}: an untied vocabulary needs a head, a tied one has none"
            )
        tables = [path for path, part in parts(self.model, "model") if part.has_table]
        if bool(tables) != (self.optim.table is not None):
            raise ValueError(
                f"optim.table is {'null' if self.optim.table is None else 'there'}, but there is "
                f"{f'a table in {tables[0]}' if tables else 'no table in the model'}: a table needs an optimizer, no table has none"
            )
        if isinstance(self.quant, GradientBits) and not any(
            isinstance(part, ClipAndWatch) for _, part in parts(self.optim, "optim")
        ):
            raise ValueError(
                "quant.kind is gradient_bits, but nothing watches gradients: set optim.gradients.kind to clip_and_watch"
            )
        score = self.evaluation.score
        if isinstance(score, TttSgdTilt) and score.tilt.tokenizer != self.data.tokenizer:
            raise ValueError(
                f"evaluation.score.tilt.tokenizer is {score.tilt.tokenizer}, data.tokenizer {self.data.tokenizer}: set them alike"
            )
        attention, documents = self.model.attention, isinstance(self.data.loader, Documents)
        if documents != isinstance(attention, GqaDocuments):
            raise ValueError(
                f"data.loader.kind is {self.data.loader.kind}, model.attention.kind {attention.kind}: documents and gqa_documents "
                "need one another"
            )
        if isinstance(attention, GqaDocuments) and attention.max_tokens < self.train.sequence_tokens:
            raise ValueError(
                f"model.attention.max_tokens {attention.max_tokens} is below train.sequence_tokens {self.train.sequence_tokens}, "
                "the longest segment of a batch"
            )
        longest = attention.max_tokens if isinstance(attention, GqaDocuments) else 0
        for where, scoring in parts(self.evaluation, "evaluation"):
            if isinstance(scoring, DocumentBlocks | PhasedLora) and scoring.window > longest:
                raise ValueError(
                    f"{where}.kind is {scoring.kind} with windows of {scoring.window} tokens: needs model.attention.kind "
                    "gqa_documents with max_tokens no less"
                )
        begin = {where: one.bos_token for where, one in parts(self, "recipe") if hasattr(one, "bos_token")}
        if len(set(begin.values())) > 1:
            found = ", ".join(f"{where.removeprefix('recipe.')}.bos_token {token}" for where, token in begin.items())
            raise ValueError(f"{found}: one token begins all documents, set them alike")
        quant = self.quant.inner if isinstance(self.quant, FitBase) else self.quant
        if isinstance(self.quant, FitBase) and self.quant.artifact_bytes > self.budgets.artifact_bytes:
            raise ValueError(
                f"quant.artifact_bytes {self.quant.artifact_bytes} is over budgets.artifact_bytes {self.budgets.artifact_bytes}"
            )
        if isinstance(quant, GptqLqer):
            for columns in (self.model.width, self.model.mlp.hidden):
                if quant.rank * columns % quant.group:
                    raise ValueError(
                        f"quant.group {quant.group} does not divide quant.rank {quant.rank} * {columns} columns"
                    )
        if isinstance(quant, GptqBase) and not self.budgets.calibration_reserve_seconds:
            raise ValueError(
                f"budgets.calibration_reserve_seconds is 0, but quant.kind {quant.kind} calibrates on training time"
            )
        for name, limit in TRACK_LIMITS.get(self.track, {}).items():
            if (found := getattr(self.budgets, name)) > limit:
                raise ValueError(
                    f"budgets.{name} is {found}, over the {limit} of {self.track}: lower it, or set track: "
                    "track_non_record_16mb"
                )
        return self
