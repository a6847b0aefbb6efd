# SPDX-License-Identifier: Apache-2.0
"""Makes the fixtures of the engine's parity test: tiny random Llama models as GGUF, and what
transformers computes for them in float32.

    pip install torch==2.13.0 transformers && python3 tools/golden/make_llama_golden.py

Writes src/engine/testdata/llama_{untied,tied}.gguf and ..._golden.gguf (prompt and greedy token ids
as metadata, logits of the prompt and of each greedy step as a tensor).
"""
import pathlib
import struct

import torch
from transformers import LlamaConfig, LlamaForCausalLM

OUT = pathlib.Path(__file__).resolve().parents[2] / "src" / "engine" / "testdata"
PROMPT_TOKENS, GREEDY_TOKENS = 24, 16
U32, I32, F32, STRING, ARRAY = 4, 5, 6, 8, 9
TENSOR_F32, TENSOR_BF16 = 0, 30


def pack_string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def pack_value(value):
    """A metadata value with its type: int, float, str or a list of one of these."""
    if isinstance(value, list):
        packed = [pack_value(item) for item in value]
        kind = packed[0][:4]
        count = struct.pack("<Q", len(value))
        return struct.pack("<I", ARRAY) + kind + count + b"".join(item[4:] for item in packed)
    if isinstance(value, str):
        return struct.pack("<I", STRING) + pack_string(value)
    if isinstance(value, float):
        return struct.pack("<If", F32, value)
    return struct.pack("<II", U32, value)


def write_gguf(path, metadata, tensors):
    """tensors: name -> (torch tensor in float32, stored type)."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    for key, value in metadata.items():
        head += pack_string(key) + pack_value(value)
    data = b""
    for name, (tensor, kind) in tensors.items():
        dims = list(reversed(tensor.shape))
        head += pack_string(name) + struct.pack("<I", len(dims))
        head += struct.pack(f"<{len(dims)}QIQ", *dims, kind, len(data))
        stored = tensor.contiguous()
        raw = stored.to(torch.bfloat16).view(torch.int16) if kind == TENSOR_BF16 else stored
        data += raw.numpy().tobytes()
        data += b"\0" * (-len(data) % 32)
    head += b"\0" * (-len(head) % 32)
    path.write_bytes(head + data)


def permute(weight, heads):
    """Rows of q and k from rotating halves (transformers) to rotating neighbours (GGUF llama)."""
    rows, columns = weight.shape
    return weight.view(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def tokenizer_metadata(vocabulary):
    tokens = ["<unk>", "<s>", "</s>"] + [chr(0x21 + i) for i in range(90)]
    tokens += [f"t{i}" for i in range(vocabulary - len(tokens))]
    return {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": [-float(i) for i in range(vocabulary)],
        "tokenizer.ggml.token_type": [2, 3, 3] + [1] * (vocabulary - 3),
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
    }


def gguf_tensors(model, config, kind):
    names = {
        "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
    }
    outside = {
        "model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
        "lm_head.weight": "output.weight",
    }
    tensors = {}
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        tensor = tensor.detach().float()
        stored = TENSOR_F32 if tensor.dim() == 1 else kind
        if name.startswith("model.layers."):
            inner = name.removeprefix("model.layers.").removesuffix(".weight")
            layer, part = inner.split(".", 1)
            if names[part] == "attn_q":
                tensor = permute(tensor, config.num_attention_heads)
            if names[part] == "attn_k":
                tensor = permute(tensor, config.num_key_value_heads)
            name = f"blk.{layer}.{names[part]}.weight"
        else:
            name = outside[name]
        tensors[name] = (tensor, stored)
    return tensors


def make(name, seed, tied, kind, rope_base):
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=128, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, head_dim=8, max_position_embeddings=64,
        rms_norm_eps=1e-5, tie_word_embeddings=tied, attn_implementation="eager",
        rope_parameters={"rope_type": "default", "rope_theta": rope_base})
    model = LlamaForCausalLM(config).float().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            wide = torch.randn_like(parameter)
            parameter.copy_(1 + 0.2 * wide if parameter.dim() == 1 else 0.25 * wide)
            if kind == TENSOR_BF16 and parameter.dim() > 1:
                parameter.copy_(parameter.to(torch.bfloat16).float())
    metadata = {
        "general.architecture": "llama", "general.name": name, "llama.block_count": 2,
        "llama.context_length": 64, "llama.embedding_length": 32, "llama.feed_forward_length": 64,
        "llama.attention.head_count": 4, "llama.attention.head_count_kv": 2,
        "llama.attention.layer_norm_rms_epsilon": 1e-5, "llama.rope.freq_base": rope_base,
    }
    write_gguf(OUT / f"{name}.gguf", metadata | tokenizer_metadata(128),
               gguf_tensors(model, config, kind))

    ids = torch.randint(3, 128, (1, PROMPT_TOKENS))
    prompt = ids[0].tolist()
    with torch.no_grad():
        for _ in range(GREEDY_TOKENS):
            logits = model(ids).logits
            # The end token is never taken: the continuation has a fixed length.
            best = logits[0, -1].clone()
            best[2] = -torch.inf
            ids = torch.cat([ids, best.argmax().view(1, 1)], dim=1)
        logits = model(ids[:, :-1]).logits[0].float()
    golden = {"golden.prompt": prompt, "golden.greedy": ids[0, PROMPT_TOKENS:].tolist()}
    write_gguf(OUT / f"{name}_golden.gguf", golden, {"logits": (logits, TENSOR_F32)})
    gap = logits.topk(2, dim=-1).values
    print(name, "smallest gap of the two best logits:", (gap[:, 0] - gap[:, 1]).min().item())


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    make("llama_untied", 1, tied=False, kind=TENSOR_F32, rope_base=10000.0)
    make("llama_tied", 2, tied=True, kind=TENSOR_BF16, rope_base=500000.0)
