"""How the validation stream is scored."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pgolf.harness.schema.base import Count, NotNegative, Part, Positive, WholeNumber
from pgolf.harness.schema.optim import Momentum


class Blocks(Part):
    """Back-to-back windows."""

    slot: ClassVar[str] = "evals"
    kind: Literal["blocks"]
    window: Count
    """Tokens."""
    batch_windows: Count


class SlidingBase(Part):
    slot: ClassVar[str] = "evals"
    window: Count
    """Tokens."""
    stride: Count
    """Tokens."""
    batch_windows: Count

    @model_validator(mode="after")
    def overlaps(self) -> Self:
        if self.stride > self.window:
            raise ValueError(f"stride {self.stride} is over window {self.window}: tokens between would not be scored")
        return self


class Sliding(SlidingBase):
    """Overlapping windows; each scores its last `stride` targets, the first all of its own."""

    kind: Literal["sliding"]


class TttSgdBase(SlidingBase):
    chunk_tokens: Count
    """Scored before they are learned from."""
    epochs: WholeNumber
    """Passes over a chunk after its scoring; 0: sliding windows and no learning."""
    lr: Positive
    """Of the first chunk; a cosine over the chunks takes it to 0."""
    momentum: Momentum
    clip_norm: Positive
    batch_sequences: Count
    """Of `window` tokens, in one step of all ranks."""

    @model_validator(mode="after")
    def chunks_are_whole(self) -> Self:
        if self.window % self.stride or self.chunk_tokens % self.window:
            raise ValueError(
                f"chunk_tokens {self.chunk_tokens}, window {self.window} and stride {self.stride}: each must be a multiple of "
                "the next, or windows score across chunks"
            )
        return self


class TttSgd(TttSgdBase):
    """Sliding windows, chunk by chunk; each chunk is learned from with SGD once it is scored."""

    kind: Literal["ttt_sgd"]


class NgramTilt(Part):
    """Raises the token that last followed the same 8 to 16 tokens. Needs a C compiler at evaluation."""

    slot: ClassVar[str] = "evals.tilt"
    kind: Literal["ngram"]
    tokenizer: str
    """The recipe's data.tokenizer, whose pieces say where words begin."""
    table_bits: Annotated[int, Field(ge=4, le=32)]
    """Ten tables of 2^table_bits entries of 16 bytes, in the memory of rank 0."""
    base_beta: Positive
    """Times the confidence of the hint: how much a hinted token's logit gains."""
    agree_bonus: NotNegative
    """More for a token that the tables of words hint at too."""


class TttSgdTilt(TttSgdBase):
    """ttt_sgd, with the distributions of the score tilted towards hinted tokens."""

    kind: Literal["ttt_sgd_tilt"]
    tilt: Annotated[NgramTilt, Field(discriminator="kind")]


class DocumentBlocks(Part):
    """Back-to-back windows that see nothing of the document before, with an attention that knows segments."""

    slot: ClassVar[str] = "evals"
    kind: Literal["document_blocks"]
    window: Count
    """Tokens."""
    batch_windows: Count
    """In one buffer."""
    bos_token: WholeNumber
    """Begins a document."""


class DocumentLoraBase(Part):
    slot: ClassVar[str] = "evals"
    window: Count
    """Tokens."""
    bos_token: WholeNumber
    """Begins a document."""
    batch_documents: Count
    step_tokens: Count
    """Of each document, scored and then learned from in one step."""
    lanes: Count
    """Sequences of batches, each read by one process. As many as GPUs, or a multiple."""
    rank: Count
    alpha: Positive
    """Adapters count alpha / rank."""
    warm_start: bool
    """A batch begins with the A of its lane's batch before."""
    lr: Positive
    betas: tuple[Momentum, Momentum]
    eps: Positive
    weight_decay: NotNegative

    @model_validator(mode="after")
    def step_fits(self) -> Self:
        if self.step_tokens > self.window:
            raise ValueError(
                f"step_tokens {self.step_tokens} is over window {self.window}: a step is scored in one window"
            )
        return self


class DocumentLora(DocumentLoraBase):
    """Adapters for each document, learned from it step after step once that is scored."""

    kind: Literal["document_lora"]


class GlobalSgd(Part):
    """How all weights learn from scored documents."""

    chunk_tokens: Count
    """Of one step, over all lanes."""
    epochs: Count
    """Steps in a row on each chunk."""
    lr: Positive
    """Of the first chunk; a cosine over the chunks takes it to 0."""
    momentum: Momentum
    clip_norm: Positive


class PhasedLora(DocumentLoraBase):
    """document_lora, with pauses in which all weights learn from documents that are scored."""

    kind: Literal["phased_lora"]
    phases: Count
    """Pauses."""
    prefix_documents: Count
    """From how many the last pause learns; the others from as many parts of it."""
    global_sgd: GlobalSgd

    @model_validator(mode="after")
    def pieces_are_whole(self) -> Self:
        if self.global_sgd.chunk_tokens % (self.lanes * self.window):
            raise ValueError(
                f"global_sgd.chunk_tokens {self.global_sgd.chunk_tokens} is not a multiple of lanes * window = "
                f"{self.lanes * self.window}: each lane learns from whole windows"
            )
        if self.prefix_documents < self.phases:
            raise ValueError(
                f"prefix_documents {self.prefix_documents} is below phases {self.phases}: a pause has nothing to learn"
            )
        return self


class Evaluation(Part):
    score: Annotated[
        Blocks | Sliding | TttSgd | TttSgdTilt | DocumentBlocks | DocumentLora | PhasedLora, Field(discriminator="kind")
    ]
    """The pass whose result is the score."""
    diagnostic: Annotated[Blocks | DocumentBlocks, Field(discriminator="kind")]
    """The pass that tells what quantisation costs; never the score."""
