# SPDX-License-Identifier: Apache-2.0
"""Opens a GGUF file that cairn wrote with the Python package gguf, dequantises every tensor there
and compares it with the original's.

    pip install gguf==0.19.0 && python3 tools/golden/check_gguf.py QUANTISED.gguf ORIGINAL.gguf

Prints the normalised mean squared error by type; fails when a tensor is missing, misshapen or
further off than 0.15 (Q2_K on heavy tails has the most).
"""
import collections
import sys

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize


def tensors(path):
    return {tensor.name: tensor for tensor in GGUFReader(path).tensors}


changed, original = tensors(sys.argv[1]), tensors(sys.argv[2])
if changed.keys() != original.keys():
    sys.exit(f"tensors differ: {sorted(changed.keys() ^ original.keys())}")
errors = collections.defaultdict(list)
for name, tensor in changed.items():
    before = original[name]
    if list(tensor.shape) != list(before.shape):
        sys.exit(f"{name}: expected {before.shape}, found {tensor.shape}")
    x = dequantize(before.data, before.tensor_type).astype(np.float64)
    y = dequantize(tensor.data, tensor.tensor_type).astype(np.float64)
    errors[tensor.tensor_type.name].append(((x - y) ** 2).sum() / max((x ** 2).sum(), 1e-30))
for kind, values in sorted(errors.items()):
    print(f"{kind}: {len(values)} tensors, NMSE mean {np.mean(values):.2e}, "
          f"largest {max(values):.2e}")
sys.exit(0 if max(max(values) for values in errors.values()) < 0.15 else 1)
