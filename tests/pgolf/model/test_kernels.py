"""Triton kernels without a GPU: as the bundle ships them, they become machine code for the GPU they are written for."""

import importlib.util
import re
from pathlib import Path

import pytest

from pgolf.harness import bundle
from pgolf.harness.minify import minify
from pgolf.harness.resolve import resolve

triton = pytest.importorskip("triton")
RECIPES = Path(__file__).parents[3] / "recipes"
SHARED_MEMORY_BYTES = 232_448  # of a multiprocessor of an H100, for one block
TILE, WEIGHTS, HALF = "tensordesc<bf16[256,64]>", "tensordesc<bf16[128,64]>", "tensordesc<bf16[256,64]>"
PRODUCT = [TILE, WEIGHTS, HALF, HALF, "i32", "i32", "i32", "fp32"]
LOSS = ["*fp32", "*fp32", "*bf16", "*i64", "i32", "fp32"]


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    """Every kernel of PR 1855's bundle, by module and number of arguments, from its minified source."""
    recipe = resolve(RECIPES / "pr1855.yaml")
    small = minify(bundle.modules(recipe), bundle.IMPORTER + bundle.shipped_recipe(recipe))
    found = {}
    for slot in ("mlp", "output"):
        path = tmp_path_factory.mktemp(slot) / f"{slot}_kernel.py"
        path.write_text(small[f"pgolf.model.{slot}.kernel"])
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        of_module = [v for v in vars(module).values() if isinstance(v, triton.runtime.jit.JITFunction)]
        found[slot] = sorted((k for k in of_module), key=lambda kernel: len(kernel.arg_names))
    return found


def machine_code(kernel, signature, **options):
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    source = ASTSource(kernel, dict(zip(kernel.arg_names, signature, strict=True)), constexprs={})
    done = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)
    assert len(done.asm["cubin"]) > 1000
    assert done.metadata.shared <= SHARED_MEMORY_BYTES
    return done.asm["ptx"]


@pytest.mark.parametrize(("place", "stages"), [(-2, 4), (-1, 3)])
def test_products_of_the_mlp_use_tensor_cores_and_tiles_that_are_loaded_ahead(kernels, place, stages):
    ptx = machine_code(kernels["mlp"][place], PRODUCT, num_warps=8, num_stages=stages)
    assert "wgmma.mma_async" in ptx
    assert "cp.async.bulk.tensor.2d.shared" in ptx
    assert "cp.async.bulk.tensor.2d.global" in ptx
    assert not re.search(r"st\.local", ptx)  # registers suffice


@pytest.mark.parametrize(("place", "signature"), [(0, LOSS), (1, ["*bf16", *LOSS])])
def test_kernels_of_the_loss_compile(kernels, place, signature):
    assert "ex2.approx" in machine_code(kernels["output"][place], signature, num_warps=4)
