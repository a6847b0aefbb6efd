# SPDX-License-Identifier: Apache-2.0
"""Makes small quantised Hugging Face folders and the values that their definition gives.

    pip install torch==2.13.0 transformers safetensors==0.8.0 &&
    python3 tools/golden/make_hf_quant_golden.py

Writes src/engine/testdata/hf_quantised/NAME/{config.json,model.safetensors}; the tensor `expected`
holds the f32 values of `x.weight` (or of `x`, MXFP4). Packing follows the makers' code: AutoGPTQ's
QuantLinear.pack, AWQ's WQLinear_GEMM, compressed-tensors' pack_to_int32; MXFP4 values come from
transformers' own convert_moe_packed_tensors.
"""
import json
import pathlib

import numpy as np
import torch
from safetensors.torch import save_file
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

OUT = pathlib.Path(__file__).resolve().parents[2] / "src/engine/testdata/hf_quantised"
OUTPUTS, INPUTS, GROUP = 16, 128, 32
rng = np.random.default_rng(20261123)


def save(name, config, tensors):
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"quantization_config": config}) + "\n")
    save_file({key: value.contiguous() for key, value in tensors.items()},
              folder / "model.safetensors")


def pack(values, order=range(8), bits=4):
    """Packs along the last axis into int32, value order[i] of each word at place i."""
    count = 32 // bits
    words = values.reshape(*values.shape[:-1], -1, count).astype(np.uint32)
    packed = np.zeros(words.shape[:-1], dtype=np.uint32)
    for place, source in enumerate(list(order)[:count]):
        packed |= words[..., source] << np.uint32(place * bits)
    return torch.from_numpy(packed.view(np.int32))


def grouped(bits, symmetric, groups):
    codes = rng.integers(0, 1 << bits, (INPUTS, OUTPUTS))
    zeros = rng.integers(1, 1 << bits, (groups, OUTPUTS))
    if symmetric:
        zeros[:] = 1 << (bits - 1)
    scales = torch.from_numpy(rng.uniform(0.001, 0.02, (groups, OUTPUTS))).half()
    return codes, zeros, scales


def expected(codes, zeros, scales, group_of):
    """In half, as the reference layers compute; returned as [outputs, inputs]."""
    steps = torch.from_numpy(codes - zeros[group_of]).half()
    return (scales[group_of] * steps).T.float()


def make_gptq(name, bits, symmetric, act_order, checkpoint_format):
    groups = INPUTS // GROUP
    codes, zeros, scales = grouped(bits, symmetric, groups)
    group_of = np.arange(INPUTS) // GROUP
    if act_order:
        group_of = rng.permutation(group_of)
    stored = zeros - 1 if checkpoint_format == "gptq" else zeros
    save(name, {"quant_method": "gptq", "bits": bits, "group_size": GROUP, "sym": symmetric,
                "desc_act": act_order, "checkpoint_format": checkpoint_format}, {
        "x.qweight": pack(codes.T, bits=bits).T,
        "x.qzeros": pack(stored, bits=bits),
        "x.scales": scales,
        "x.g_idx": torch.from_numpy(group_of.astype(np.int32)),
        "expected": expected(codes, zeros, scales, group_of)})


def make_awq():
    codes, zeros, scales = grouped(4, False, INPUTS // GROUP)
    order = [0, 2, 4, 6, 1, 3, 5, 7]
    save("awq", {"quant_method": "awq", "bits": 4, "group_size": GROUP, "zero_point": True,
                 "version": "gemm"}, {
        "x.qweight": pack(codes, order),
        "x.qzeros": pack(zeros, order),
        "x.scales": scales,
        "expected": expected(codes, zeros, scales, np.arange(INPUTS) // GROUP)})


def make_packed():
    codes = rng.integers(0, 16, (OUTPUTS, INPUTS))
    scales = torch.from_numpy(rng.uniform(0.001, 0.02, (OUTPUTS, INPUTS // GROUP))).half()
    values = torch.from_numpy(codes - 8).float() * scales.float().repeat_interleave(GROUP, 1)
    save("compressed", {"quant_method": "compressed-tensors", "format": "pack-quantized",
                        "config_groups": {"group_0": {"weights": {
                            "num_bits": 4, "group_size": GROUP, "symmetric": True}}}}, {
        "x.weight_packed": pack(codes),
        "x.weight_scale": scales,
        "x.weight_shape": torch.tensor([OUTPUTS, INPUTS]),
        "expected": values})


def make_fp8():
    rows, columns, block = 40, 72, 32
    bits = torch.from_numpy(rng.integers(0, 256, (rows, columns), dtype=np.uint8))
    bits[(bits & 0x7F) == 0x7F] = 0
    weight = bits.view(torch.float8_e4m3fn)
    scale = torch.from_numpy(rng.uniform(0.001, 0.02, (2, 3))).float()
    spread = scale.repeat_interleave(block, 0)[:rows].repeat_interleave(block, 1)[:, :columns]
    save("fp8", {"quant_method": "fp8", "weight_block_size": [block, block]}, {
        "x.weight": weight,
        "x.weight_scale_inv": scale,
        "expected": (weight.float() * spread).bfloat16().float()})


def make_mxfp4():
    blocks = torch.from_numpy(rng.integers(0, 256, (2, 6, 3, 16), dtype=np.uint8))
    scales = torch.from_numpy(rng.integers(110, 135, (2, 6, 3), dtype=np.uint8))
    values = convert_moe_packed_tensors(blocks, scales, dtype=torch.float32)
    save("mxfp4", {"quant_method": "mxfp4"}, {
        "x_blocks": blocks, "x_scales": scales,
        "expected": values.transpose(1, 2)})


make_gptq("gptq_symmetric", 4, True, False, "gptq")
make_gptq("gptq_zeros", 4, False, False, "gptq")
make_gptq("gptq_v2_zeros", 4, False, False, "gptq_v2")
make_gptq("gptq_act_order", 4, True, True, "gptq")
make_gptq("gptq_8_bits", 8, True, False, "gptq")
make_awq()
make_packed()
make_fp8()
make_mxfp4()
