# SPDX-License-Identifier: Apache-2.0
"""Reference values for src/train: loss, gradients, three AdamW steps and LoRA gradients of a tiny
Llama by PyTorch and transformers in float32. Writes src/train/testdata/train_golden.{json,bin}; the
arrays are in the order of base_layout and lora_layout (shape.cc), rows of q and k permuted from the
halves of Hugging Face's RoPE to interleaved pairs.
Usage: python3 tools/golden/make_train_golden.py   (pip install torch==2.13.0 transformers)"""
import json
import math
import pathlib

import torch
from transformers import LlamaConfig, LlamaForCausalLM

OUT = pathlib.Path(__file__).resolve().parents[2] / "src/train/testdata"
LAYERS, WIDTH, HEADS, KV_HEADS, HEAD, FF, VOCABULARY = 2, 16, 2, 1, 8, 24, 32
RANK, ALPHA = 2, 6.0
STEPS, PEAK, FLOOR, DECAY = 3, 1e-2, 0.1, 0.1
LINEARS = [("self_attn.q_proj", HEADS), ("self_attn.k_proj", KV_HEADS), ("self_attn.v_proj", 0),
           ("self_attn.o_proj", 0), ("mlp.gate_proj", 0), ("mlp.up_proj", 0), ("mlp.down_proj", 0)]


def make_model():
    config = LlamaConfig(vocab_size=VOCABULARY, hidden_size=WIDTH, intermediate_size=FF,
                         num_hidden_layers=LAYERS, num_attention_heads=HEADS,
                         num_key_value_heads=KV_HEADS, head_dim=HEAD, max_position_embeddings=64,
                         rms_norm_eps=1e-5, rope_theta=10000.0, tie_word_embeddings=True,
                         attn_implementation="eager")
    model = LlamaForCausalLM(config).float()
    for parameter in model.parameters():
        with torch.no_grad():
            noise = torch.randn_like(parameter) * 0.3
            parameter.copy_(noise + (1.0 if parameter.dim() == 1 else 0.0))
    return model


def interleaved(rows, heads):
    """Rows of one head: (0, h/2, 1, h/2 + 1, ...)."""
    if heads == 0:
        return rows
    return rows.reshape(heads, 2, HEAD // 2, -1).transpose(1, 2).reshape(rows.shape)


def flat_base(model, value):
    """value(parameter) of every tensor in the order of base_layout."""
    parts = [value(model.model.embed_tokens.weight)]
    for layer in model.model.layers:
        parts.append(value(layer.input_layernorm.weight))
        for name, heads in LINEARS:
            if name == "mlp.gate_proj":
                parts.append(value(layer.post_attention_layernorm.weight))
            parts.append(interleaved(value(layer.get_submodule(name).weight), heads))
    parts.append(value(model.model.norm.weight))
    return torch.cat([part.detach().reshape(-1) for part in parts])


def loss_of(model, segments, count):
    total = 0.0
    for tokens, labels in segments:
        logits = model(input_ids=torch.tensor([tokens])).logits[0]
        total = total + torch.nn.functional.cross_entropy(
            logits, torch.tensor(labels), ignore_index=-100, reduction="sum")
    return total / count


def add_lora(model):
    """y += ALPHA / RANK * B A x by a hook on each linear layer."""
    factors = []
    for layer in model.model.layers:
        for name, heads in LINEARS:
            linear = layer.get_submodule(name)
            a = (torch.randn(RANK, linear.in_features) * 0.3).requires_grad_()
            b = (torch.randn(linear.out_features, RANK) * 0.3).requires_grad_()

            def add(_module, inputs, output, a=a, b=b):
                return output + ALPHA / RANK * inputs[0] @ a.T @ b.T

            linear.register_forward_hook(add)
            factors.append((a, b, heads))
    return factors


def flat_lora(factors, value):
    parts = []
    for a, b, heads in factors:
        parts += [value(a).reshape(-1), interleaved(value(b), heads).reshape(-1)]
    return torch.cat([part.detach() for part in parts])


def main():
    torch.manual_seed(1)
    model = make_model()
    segments = []
    for length in (7, 12):
        tokens = torch.randint(0, VOCABULARY, (length,)).tolist()
        labels = tokens[1:] + [-100]
        labels[:2] = [-100, -100]
        segments.append((tokens, labels))
    count = sum(label != -100 for _, labels in segments for label in labels)
    arrays = {"weights": flat_base(model, lambda p: p)}
    loss = loss_of(model, segments, count)
    loss.backward()
    arrays["gradients"] = flat_base(model, lambda p: p.grad)
    facts = {"loss": loss.item(), "segments": segments, "steps": STEPS, "peak": PEAK,
             "floor": FLOOR, "decay": DECAY, "rank": RANK, "alpha": ALPHA, "losses": []}

    lora = make_model()
    lora.load_state_dict(model.state_dict())
    factors = add_lora(lora)
    loss = loss_of(lora, segments, count)
    loss.backward()
    facts["lora_loss"] = loss.item()
    arrays["lora"] = flat_lora(factors, lambda p: p)
    arrays["lora_gradients"] = flat_lora(factors, lambda p: p.grad)

    groups = [{"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": DECAY},
              {"params": [p for p in model.parameters() if p.dim() == 1], "weight_decay": 0.0}]
    adam = torch.optim.AdamW(groups, lr=PEAK, betas=(0.9, 0.95), eps=1e-8)
    for step in range(STEPS):
        rate = PEAK * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * step / STEPS)))
        for group in adam.param_groups:
            group["lr"] = rate
        adam.zero_grad()
        loss = loss_of(model, segments, count)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        facts["losses"].append(loss.item())
    arrays["after"] = flat_base(model, lambda p: p)

    OUT.mkdir(exist_ok=True)
    facts["arrays"] = {name: array.numel() for name, array in arrays.items()}
    facts["order"] = list(arrays)
    (OUT / "train_golden.json").write_text(json.dumps(facts, indent=1) + "\n")
    (OUT / "train_golden.bin").write_bytes(b"".join(a.numpy().astype("<f4").tobytes()
                                                    for a in arrays.values()))


main()
