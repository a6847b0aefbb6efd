# SPDX-License-Identifier: Apache-2.0
"""Makes PEFT adapters for src/engine/testdata/llama_untied.gguf and what transformers computes with
them in float32; with a folder as argument, checks instead that peft loads the adapter there and
computes the same as with `default` (src/engine/peft_test.cc says how to write one).

    pip install torch==2.13.0 transformers peft==0.21.2 gguf==0.19.0 safetensors==0.8.0 &&
    python3 tools/golden/make_peft_golden.py [FOLDER]

Writes src/engine/testdata/peft/{default,rslora}/ with adapter_config.json,
adapter_model.safetensors and expected.safetensors (ids, logits).
"""
import json
import pathlib
import sys

import gguf
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

DATA = pathlib.Path(__file__).resolve().parents[2] / "src" / "engine" / "testdata"
NAMES = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
         "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
         "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm",
         "ffn_norm": "post_attention_layernorm"}
OUTSIDE = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight":
           "model.norm.weight", "output.weight": "lm_head.weight"}


def base_model():
    """llama_untied.gguf as a transformers model: rows of q and k back to rotating halves."""
    reader = gguf.GGUFReader(DATA / "llama_untied.gguf")
    base = float(reader.get_field("llama.rope.freq_base").parts[-1][0])
    config = LlamaConfig(
        vocab_size=128, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, head_dim=8, max_position_embeddings=64,
        rms_norm_eps=1e-5, tie_word_embeddings=False, attn_implementation="eager",
        rope_parameters={"rope_type": "default", "rope_theta": base})
    state = {}
    for tensor in reader.tensors:
        value = torch.from_numpy(gguf.quants.dequantize(tensor.data, tensor.tensor_type).copy())
        if tensor.name in OUTSIDE:
            state[OUTSIDE[tensor.name]] = value
            continue
        _, layer, part, _ = tensor.name.split(".")
        if part in ("attn_q", "attn_k"):
            heads = 4 if part == "attn_q" else 2
            value = value.view(heads, 4, 2, 32).swapaxes(1, 2).reshape(value.shape)
        state[f"model.layers.{layer}.{NAMES[part]}.weight"] = value
    model = LlamaForCausalLM(config).float().eval()
    model.load_state_dict(state)
    return model


def logits_of(model, ids):
    with torch.no_grad():
        return model(ids).logits[0].float()


def make(name, seed, **settings):
    torch.manual_seed(seed)
    model = get_peft_model(base_model(), LoraConfig(
        r=4, lora_alpha=6, task_type="CAUSAL_LM", target_modules=[
            "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        **settings)).eval()
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "lora_" in key:
                parameter.copy_(0.2 * torch.randn_like(parameter))
    folder = DATA / "peft" / name
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    ids = torch.randint(3, 128, (1, 16))
    save_file({"ids": ids[0].to(torch.int32), "logits": logits_of(model, ids)},
              folder / "expected.safetensors")


if len(sys.argv) > 1:
    expected = load_file(DATA / "peft" / "default" / "expected.safetensors")
    loaded = PeftModel.from_pretrained(base_model(), sys.argv[1]).eval()
    difference = logits_of(loaded, expected["ids"].long()[None]) - expected["logits"]
    print(json.dumps({"largest_difference": float(difference.abs().max())}))
    sys.exit(0 if difference.abs().max() < 1e-4 else 1)
make("default", 1)
make("rslora", 2, use_rslora=True, alpha_pattern={"down_proj": 10})
