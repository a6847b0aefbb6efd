# SPDX-License-Identifier: Apache-2.0
"""Makes reference values of the quantised types and files that other programs wrote.

    pip install gguf==0.19.0 safetensors==0.8.0 torch==2.13.0 &&
    python3 tools/golden/make_quant_golden.py

src/kernels/testdata/dequantised.bin: for each type in the order of cairn/base/tensor_type.h two rows
of 512 weights as random blocks, then the f32 values that gguf.quants.dequantize makes of them.
src/format/testdata/python.gguf, python.safetensors: files of the packages' own writers.
"""
import pathlib

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from gguf.quants import dequantize
from safetensors.torch import save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROWS, COLUMNS = 2, 512
TYPES = [Type.F32, Type.F16, Type.BF16, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0,
         Type.Q2_K, Type.Q3_K, Type.Q4_K, Type.Q5_K, Type.Q6_K, Type.IQ4_NL, Type.IQ4_XS,
         Type.MXFP4]
# Where a block holds fp16 scales.
HALVES = {Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2], Type.Q8_0: [0],
          Type.Q2_K: [80, 82], Type.Q3_K: [108], Type.Q4_K: [0, 2], Type.Q5_K: [0, 2],
          Type.Q6_K: [208], Type.IQ4_NL: [0], Type.IQ4_XS: [0], Type.MXFP4: []}


def random_blocks(kind, rng):
    """Rows of random bytes with finite scales of both signs."""
    if kind == Type.F32:
        return rng.standard_normal((ROWS, COLUMNS), dtype=np.float32).view(np.uint8)
    if kind in (Type.F16, Type.BF16):
        bits = rng.integers(0, 1 << 16, (ROWS, COLUMNS), dtype=np.uint16)
        exponent = 0x7C00 if kind == Type.F16 else 0x7F80
        bits[(bits & exponent) == exponent] &= 0x83FF if kind == Type.F16 else 0x807F
        return bits.view(np.uint8)
    block, size = gguf.GGML_QUANT_SIZES[kind]
    data = rng.integers(0, 256, (ROWS, COLUMNS // block, size), dtype=np.uint8)
    for offset in HALVES[kind]:
        scale = rng.standard_normal((ROWS, COLUMNS // block)).astype(np.float16)
        data[:, :, offset:offset + 2] = scale[:, :, None].view(np.uint8)
    if kind == Type.MXFP4:
        data[:, :, 0] %= 160  # exponents from the subnormal ones to large ones
        data[0, :3, 0] = [0, 1, 2]
    return data.reshape(ROWS, -1)


def write_dequantised(rng):
    with open(ROOT / "src/kernels/testdata/dequantised.bin", "wb") as out:
        for kind in TYPES:
            rows = random_blocks(kind, rng)
            values = dequantize(rows, kind) if kind != Type.F32 else rows.view(np.float32)
            out.write(rows.tobytes())
            out.write(np.ascontiguousarray(values, dtype=np.float32).tobytes())


def write_gguf(rng):
    writer = gguf.GGUFWriter(ROOT / "src/format/testdata/python.gguf", "llama")
    writer.add_name("made by gguf")
    writer.add_uint32("test.u32", 7)
    writer.add_int64("test.i64", -9)
    writer.add_float32("test.f32", 0.5)
    writer.add_float64("test.f64", 0.25)
    writer.add_bool("test.bool", True)
    writer.add_array("test.strings", ["a", "ä", ""])
    writer.add_array("test.integers", [1, 2, 3])
    writer.add_tensor("f32", np.arange(12, dtype=np.float32).reshape(3, 4))
    writer.add_tensor("f16", np.arange(8, dtype=np.float16))
    for kind in TYPES[3:]:
        block, size = gguf.GGML_QUANT_SIZES[kind]
        rows = rng.integers(0, 256, (2, size), dtype=np.uint8)
        writer.add_tensor(kind.name, rows, raw_dtype=kind)
    writer.add_tensor("experts", rng.integers(0, 256, (3, 2, 18), dtype=np.uint8),
                      raw_dtype=Type.Q4_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_safetensors():
    save_file({
        "f32": torch.arange(6, dtype=torch.float32).reshape(2, 3),
        "bf16": torch.arange(4).to(torch.bfloat16),
        "f8": torch.tensor([0.5, -448.0, 0.001953125]).to(torch.float8_e4m3fn),
        "i32": torch.tensor([-1, 2], dtype=torch.int32),
        "scalar": torch.tensor(3.0, dtype=torch.float16),
        "empty": torch.zeros(0, 4),
    }, ROOT / "src/format/testdata/python.safetensors", metadata={"format": "pt"})


generator = np.random.default_rng(20261123)
write_dequantised(generator)
write_gguf(generator)
write_safetensors()
