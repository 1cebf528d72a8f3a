"""The table of recipes: what each adds, what was published for it, and what our implementation of it is."""

from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter

from pgolf.core import run as runtime
from pgolf.harness import bundle
from pgolf.harness.resolve import resolve
from pgolf.harness.schema.base import Count, Positive
from pgolf.harness.schema.recipe import Recipe

FACTS = Path(__file__).with_name("published.yaml")
TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("pgolf.harness"), undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    keep_trailing_newline=True,
)  # fmt: skip


class Published(BaseModel):
    """What the public record of a system says; means over its seeds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pr: Count | None
    author: str
    adds: str
    parameters: Count
    bpb: Positive
    steps: Count
    ms_per_step: Positive
    total_bytes: Count
    code_bytes: Count
    parity: str
    """What holds our implementation to theirs."""


@cache
def published() -> dict[str, Published]:
    """{recipe: facts} of every public system that pgolf implements."""
    data = yaml.safe_load(FACTS.read_text(encoding="utf-8"))
    return TypeAdapter(dict[str, Published]).validate_python(data)


def parameters(recipe: Recipe) -> int:
    """How many numbers the recipe trains."""
    import torch

    from pgolf.model import gpt

    cfg = runtime.parse(bundle.shipped_recipe(recipe))
    with torch.device("meta"):
        model = gpt.GPT(cfg.model)
    return sum(parameter.numel() for parameter in model.parameters())


def markdown(folder: Path) -> str:
    """README.md of a folder of recipes: every recipe in it, those of public systems with what was published."""
    facts = published()
    rows, others = [], []
    for path in sorted(folder.glob("*.yaml")):
        recipe = resolve(path)
        row: dict[str, Any] = {"name": path.stem, "title": recipe.title, "parameters": parameters(recipe)}
        row["bundle_bytes"] = len(bundle.packed(recipe).encode())
        if path.stem in facts:
            rows.append(row | {"published": facts[path.stem]})
        else:
            others.append(row)
    rows.sort(key=lambda row: -row["published"].bpb)
    return TEMPLATES.get_template("recipes.md.j2").render(rows=rows, others=others)


def comparison(one: Recipe, other: Recipe) -> list[tuple[str, str, str]]:
    """(what, in one, in the other) of what follows from two recipes and of what was published for them, where it differs."""
    facts = [published().get(recipe.name) for recipe in (one, other)]
    sizes = [len(bundle.packed(recipe).encode()) for recipe in (one, other)]
    counts = [parameters(recipe) for recipe in (one, other)]
    rows = [("parameters", f"{counts[0]:,}", f"{counts[1]:,}"), ("script bytes", f"{sizes[0]:,}", f"{sizes[1]:,}")]
    left, right = (set(bundle.modules(recipe)) for recipe in (one, other))
    rows += [("module", name.removeprefix("pgolf."), "-") for name in sorted(left - right)]
    rows += [("module", "-", name.removeprefix("pgolf.")) for name in sorted(right - left)]
    for field in ("bpb", "steps", "ms_per_step", "total_bytes", "code_bytes"):
        values = [f"{getattr(fact, field):,}" if fact else "-" for fact in facts]
        rows.append((f"published {field}", values[0], values[1]))
    return [row for row in rows if row[1] != row[2]]
