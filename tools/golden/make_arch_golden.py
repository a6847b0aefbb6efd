# SPDX-License-Identifier: Apache-2.0
"""Makes the fixtures of the architectures: for each a tiny random checkpoint as a Hugging Face
directory and as a GGUF file, and what transformers computes for it in float32.

    pip install torch==2.13.0 transformers gguf && python3 tools/golden/make_arch_golden.py [NAME...]

Writes src/engine/testdata/arch/NAME/ (config.json, model.safetensors, tokenizer.json), NAME.gguf in
the key and tensor names of the package `gguf` (so that an independent table checks ours), and
NAME_golden.gguf: for each prompt token ids, greedy continuation and logits.
"""
import json
import math
import pathlib
import shutil
import sys

import gguf
import numpy
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers
from transformers import AutoModelForCausalLM
import transformers as t

OUT = pathlib.Path(__file__).resolve().parents[2] / "src" / "engine" / "testdata" / "arch"
VOCABULARY = 128
END = 2
COMMON = dict(
    vocab_size=VOCABULARY, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
    bos_token_id=1, eos_token_id=END, pad_token_id=0, tie_word_embeddings=False)
PROMPTS = ((24, 12),)  # prompt tokens, greedy tokens


def rope(kind="default", theta=10000.0, **more):
    return dict(rope_type=kind, rope_theta=theta, **more)


# name -> (config, gguf architecture, prompts, extra GGUF keys)
LLAMA3 = rope("llama3", 500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=32)
YARN = rope("yarn", 10000.0, factor=4.0, original_max_position_embeddings=16)
LONG = rope("longrope", 10000.0, original_max_position_embeddings=32,
            short_factor=[1.0, 1.1, 1.3], long_factor=[1.5, 2.5, 4.0])
EXPERTS = dict(num_experts=8, num_local_experts=8, num_experts_per_tok=3)
CASES = {
    "llama3": (lambda: t.LlamaConfig(**COMMON, rope_parameters=LLAMA3, attention_bias=True,
                                     mlp_bias=True), "llama", PROMPTS),
    "llama_linear": (lambda: t.LlamaConfig(
        **{**COMMON, "tie_word_embeddings": True}, head_dim=16,
        rope_parameters=rope("linear", factor=2.5)), "llama", PROMPTS),
    "mistral": (lambda: t.MistralConfig(**COMMON, sliding_window=9,
                                        rope_parameters=rope()), "llama", PROMPTS),
    "mixtral": (lambda: t.MixtralConfig(**COMMON, num_local_experts=6, num_experts_per_tok=2,
                                        rope_parameters=rope()), "llama", PROMPTS),
    "qwen2": (lambda: t.Qwen2Config(**COMMON, rope_parameters=YARN, use_sliding_window=True,
                                    sliding_window=11, max_window_layers=1),
              "qwen2", ((24, 12), (56, 8))),
    "qwen3": (lambda: t.Qwen3Config(**COMMON, head_dim=16, rope_parameters=rope(theta=1e6)),
              "qwen3", PROMPTS),
    "qwen3moe": (lambda: t.Qwen3MoeConfig(
        **COMMON, head_dim=8, moe_intermediate_size=24, norm_topk_prob=True, num_experts=8,
        num_experts_per_tok=3, rope_parameters=rope()), "qwen3moe", PROMPTS),
    "gemma2": (lambda: t.Gemma2Config(
        **{**COMMON, "tie_word_embeddings": True}, head_dim=16, query_pre_attn_scalar=24,
        sliding_window=9, attn_logit_softcapping=3.0, final_logit_softcapping=2.5,
        rope_parameters=rope()), "gemma2", PROMPTS),
    "gemma3": (lambda: t.Gemma3TextConfig(
        **{**COMMON, "num_hidden_layers": 7, "tie_word_embeddings": True, "intermediate_size": 32},
        head_dim=16, query_pre_attn_scalar=24, sliding_window=9,
        rope_parameters={"full_attention": rope("linear", 1e6, factor=8.0),
                         "sliding_attention": rope()}), "gemma3", PROMPTS),
    "phi3": (lambda: t.Phi3Config(
        **COMMON, partial_rotary_factor=0.75, sliding_window=None,
        original_max_position_embeddings=32,
        rope_parameters={**LONG, "partial_rotary_factor": 0.75}), "phi3", ((16, 12), (48, 12))),
    "phi3_window": (lambda: t.Phi3Config(**COMMON, sliding_window=9, rope_parameters=rope()),
                    "phi3", PROMPTS),
    "smollm3": (lambda: t.SmolLM3Config(
        **{**COMMON, "num_hidden_layers": 5}, rope_parameters=rope(theta=2e6)),
        "smollm3", PROMPTS),
    "granite": (lambda: t.GraniteConfig(
        **COMMON, embedding_multiplier=3.0, residual_multiplier=0.4, attention_multiplier=0.2,
        logits_scaling=1.7, rope_parameters=rope()), "granite", PROMPTS),
}
LATENT = {
    **COMMON, "num_hidden_layers": 3, "num_key_value_heads": 4, "kv_lora_rank": 16,
    "qk_nope_head_dim": 12, "qk_rope_head_dim": 8, "v_head_dim": 10, "first_k_dense_replace": 1,
    "moe_intermediate_size": 16, "n_routed_experts": 8, "num_experts_per_tok": 3,
    "n_shared_experts": 2, "routed_scaling_factor": 1.5}
MSCALE = dict(factor=4.0, original_max_position_embeddings=16, mscale=0.707, mscale_all_dim=0.707)
CASES |= {
    "gpt_oss": (lambda: t.GptOssConfig(
        **{**COMMON, "num_hidden_layers": 3}, head_dim=16, sliding_window=9, num_local_experts=6,
        num_experts_per_tok=2,
        rope_parameters=rope("yarn", factor=4.0, original_max_position_embeddings=16,
                             truncate=False)), "gpt-oss", ((24, 12), (56, 8))),
    "minimax_m2": (lambda: t.MiniMaxM2Config(
        **COMMON, head_dim=16, num_local_experts=8, num_experts_per_tok=3,
        rope_parameters=rope(partial_rotary_factor=0.5)), "minimax-m2", PROMPTS),
    "minimax_01": (lambda: t.MiniMaxConfig(
        **{**COMMON, "num_hidden_layers": 3, "max_position_embeddings": 512}, head_dim=8,
        num_local_experts=4, num_experts_per_tok=2, block_size=16,
        layer_types=["linear_attention", "full_attention", "linear_attention"],
        full_attn_alpha_factor=2.5, linear_attn_alpha_factor=2.5, mlp_alpha_factor=2.5,
        rope_parameters=rope()), "minimax-01", ((24, 12), (200, 8))),
    "deepseek_v2": (lambda: t.DeepseekV2Config(
        **LATENT, q_lora_rank=None, topk_method="group_limited_greedy", n_group=4, topk_group=2,
        norm_topk_prob=False, rope_parameters=rope("yarn", **MSCALE)),
        "deepseek2", ((24, 12), (56, 8))),
    "deepseek_v3": (lambda: t.DeepseekV3Config(
        **LATENT, q_lora_rank=20, n_group=4, topk_group=2, norm_topk_prob=True,
        rope_parameters=rope()), "deepseek2", PROMPTS),
}
PLUS_ONE = {"gemma2", "gemma3"}            # norms are stored minus one
PERMUTED = {"llama", "granite", "smollm3"}  # GGUF rotates neighbours


def randomise(model, name):
    """Values that show: a bias or a norm that is forgotten changes the logits."""
    with torch.no_grad():
        # Routers of DeepSeek start as what memory held: every value is set here.
        for key, value in [*model.named_parameters(), *model.named_buffers()]:
            if "inv_freq" in key or "decay" in key or "slope" in key or not value.is_floating_point() or value.dim() == 0:
                continue
            wide = torch.randn_like(value)
            if "norm" in key:
                new = 0.2 * wide + (0 if name in PLUS_ONE else 1)
            elif "e_score_correction_bias" in key:
                new = 0.2 * wide.abs()
            elif "sinks" in key or value.dim() == 1 or key.endswith("bias"):
                new = 0.5 * wide
            else:
                new = wide * (0.5 if "router" in key or key.endswith("gate.weight") else 0.25)
            value.copy_(new.to(torch.bfloat16).float())


def write_tokenizer(folder):
    """A tokenizer in the style of Llama 2: the tests read it, and only look at token ids."""
    tokens = token_texts()
    tokenizer = Tokenizer(models.BPE(
        vocab={token: i for i, token in enumerate(tokens)}, merges=[], unk_token="<unk>",
        fuse_unk=True, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens(
        [AddedToken(token, normalized=False, special=True) for token in tokens[:3]])
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "add_bos_token": True}))


def token_texts():
    tokens = ["<unk>", "<s>", "</s>"] + [chr(0x21 + i) for i in range(90)]
    return tokens + [f"t{i}" for i in range(VOCABULARY - len(tokens))]


def permute(weight, heads):
    """Rows of q and k from rotating halves to rotating neighbours."""
    return (weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
            .swapaxes(1, 2).reshape(weight.shape))


def add_keys(writer, config, arch):
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    if arch == "deepseek2":
        return add_latent_keys(writer, config)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_key_length(width)
    writer.add_value_length(width)
    parameters = config.rope_parameters
    parameters = parameters.get("full_attention", parameters)
    writer.add_rope_freq_base(parameters["rope_theta"])
    share = parameters.get("partial_rotary_factor") or 1
    writer.add_rope_dimension_count(int(width * share))
    kind = parameters["rope_type"]
    if kind in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(kind))
        writer.add_rope_scaling_factor(parameters["factor"])
    if kind in ("yarn", "longrope"):
        writer.add_rope_scaling_orig_ctx_len(parameters["original_max_position_embeddings"])
    if kind == "longrope":
        original = parameters["original_max_position_embeddings"]
        scale = config.max_position_embeddings / original
        writer.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(scale) / math.log(original)))
    add_more_keys(writer, config, arch)


def add_latent_keys(writer, config):
    """V2 in the older layout of files, V3 in the newer one."""
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    width = config.qk_nope_head_dim + config.qk_rope_head_dim
    if config.q_lora_rank:
        writer.add_q_lora_rank(config.q_lora_rank)
        writer.add_head_count_kv(1)
        writer.add_key_length(config.kv_lora_rank + config.qk_rope_head_dim)
        writer.add_value_length(config.kv_lora_rank)
        writer.add_key_length_mla(width)
        writer.add_value_length_mla(config.v_head_dim)
        writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
    else:
        writer.add_head_count_kv(config.num_attention_heads)
        writer.add_key_length(width)
        writer.add_value_length(config.v_head_dim)
    writer.add_kv_lora_rank(config.kv_lora_rank)
    writer.add_rope_dimension_count(config.qk_rope_head_dim)
    parameters = config.rope_parameters
    writer.add_rope_freq_base(parameters["rope_theta"])
    if parameters["rope_type"] == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(parameters["factor"])
        writer.add_rope_scaling_orig_ctx_len(parameters["original_max_position_embeddings"])
        writer.add_rope_scaling_yarn_log_mul(0.1 * parameters["mscale_all_dim"])
    writer.add_leading_dense_block_count(config.first_k_dense_replace)
    writer.add_expert_count(config.n_routed_experts)
    writer.add_expert_used_count(config.num_experts_per_tok)
    writer.add_expert_shared_count(config.n_shared_experts)
    writer.add_expert_feed_forward_length(config.moe_intermediate_size)
    writer.add_expert_weights_scale(config.routed_scaling_factor)
    writer.add_expert_weights_norm(config.norm_topk_prob)
    writer.add_expert_group_count(config.n_group)
    writer.add_expert_group_used_count(config.topk_group)


def add_more_keys(writer, config, arch):
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None)
    if window and getattr(config, "use_sliding_window", True):
        writer.add_sliding_window(window)
        if kinds and arch not in ("gemma2", "gemma3", "gpt-oss"):
            writer.add_sliding_window_pattern([kind == "sliding_attention" for kind in kinds])
    if arch == "gemma2":
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
    if arch in ("gemma2", "gemma3"):
        writer.add_attention_scale(config.query_pre_attn_scalar**-0.5)
    if arch == "granite":
        writer.add_embedding_scale(config.embedding_multiplier)
        writer.add_residual_scale(config.residual_multiplier)
        writer.add_attention_scale(config.attention_multiplier)
        writer.add_logit_scale(config.logits_scaling)
    experts = getattr(config, "num_experts", None) or getattr(config, "num_local_experts", None)
    if experts:
        writer.add_expert_count(experts)
        writer.add_expert_used_count(config.num_experts_per_tok)
    if arch == "gpt-oss":
        writer.add_expert_feed_forward_length(config.intermediate_size)
    if arch == "minimax-m2":
        writer.add_expert_feed_forward_length(config.intermediate_size)
        writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
    if arch == "minimax-01":
        writer.add_residual_scale(config.linear_attn_alpha_factor)
        writer.add_array("minimax-01.attention.recurrent_layers",
                         [kind == "linear_attention" for kind in config.layer_types])
    if arch == "qwen3moe":
        writer.add_expert_feed_forward_length(config.moe_intermediate_size)


def llama3_factors(parameters, width):
    base, factor = parameters["rope_theta"], parameters["factor"]
    original = parameters["original_max_position_embeddings"]
    low, high = original / parameters["low_freq_factor"], original / parameters["high_freq_factor"]
    factors = []
    for i in range(0, width, 2):
        wave = 2 * math.pi * base ** (i / width)
        if wave < high:
            factors.append(1.0)
        elif wave > low:
            factors.append(factor)
        else:
            smooth = (original / wave - parameters["low_freq_factor"]) / (
                parameters["high_freq_factor"] - parameters["low_freq_factor"])
            factors.append(1 / ((1 - smooth) / factor + smooth))
    return numpy.array(factors, dtype=numpy.float32)


def gguf_tensors(folder, config, name, arch):
    """Tensors of the directory under mainline's names, as its converter writes them."""
    from safetensors.torch import load_file
    # The package does not know minimax-01 yet; its names are those of mainline's loader.
    table = {v: k for k, v in gguf.MODEL_ARCH_NAMES.items()}
    names = gguf.get_tensor_name_map(
        table[arch if arch in table else "llama"], config.num_hidden_layers)
    experts, tensors = {}, {}
    for key, value in load_file(folder / "model.safetensors").items():
        if "decay" in key or "slope_rate" in key:  # tables that are computed
            continue
        if ".experts." in key:
            front, rest = key.split(".experts.")
            number, _, part = rest.partition(".")
            if number.isdigit():
                experts.setdefault((front, part), {})[int(number)] = value
                continue
        tensors[key] = value
    for (front, part), parts in experts.items():
        key = f"{front}.experts.{part}"
        tensors[key] = torch.stack([parts[i] for i in range(len(parts))])
    for key, value in reshaped(tensors, config, arch):
        if arch in PERMUTED and ("q_proj" in key or "k_proj" in key):
            heads = config.num_attention_heads if "q_proj" in key else config.num_key_value_heads
            value = permute(value, heads)
        if name in PLUS_ONE and "norm" in key:
            value = value.float() + 1
        if key.endswith("sinks"):
            key += ".weight"
        place = minimax_01_name(key) if arch == "minimax-01" else None
        place = place or names.get_name(key, try_suffixes=(".weight", ".bias"))
        if place is None:
            raise SystemExit(f"{name}: no GGUF name for {key}")
        yield place, value
    parameters = config.rope_parameters
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    if parameters.get("rope_type") == "llama3":
        yield "rope_freqs.weight", torch.from_numpy(llama3_factors(parameters, width))
    if parameters.get("rope_type") == "longrope":
        for kind in ("long", "short"):
            yield f"rope_factors_{kind}.weight", torch.tensor(parameters[f"{kind}_factor"])


def minimax_01_name(key):
    for part, place in {"self_attn.qkv_proj": "attn_qkv", "self_attn.norm": "attn_norm_2",
                        "self_attn.output_gate": "attn_gate",
                        "self_attn.out_proj": "attn_output"}.items():
        if part in key:
            return f"blk.{key.split('.')[2]}.{place}.weight"
    return None


def reshaped(tensors, config, arch):
    """Tensors that mainline's converter cuts or turns, under names that its table knows."""
    for key, value in tensors.items():
        if arch == "gpt-oss" and ".experts." in key:
            is_bias = key.endswith("_bias")
            front = key.removesuffix("_bias").rsplit(".", 1)[0]
            ending = "bias" if is_bias else "weight"
            if not is_bias:
                value = value.transpose(1, 2)
            if "gate_up" in key:
                yield f"{front}.gate_proj.{ending}", value[:, 0::2]
                yield f"{front}.up_proj.{ending}", value[:, 1::2]
            else:
                yield f"{front}.down_proj.{ending}", value
        elif "kv_b_proj" in key and config.q_lora_rank:
            value = value.view(config.num_attention_heads, -1, config.kv_lora_rank)
            keys, values = value.split([config.qk_nope_head_dim, config.v_head_dim], dim=1)
            yield key.replace("kv_b_proj", "k_b_proj"), keys.transpose(1, 2)
            yield key.replace("kv_b_proj", "v_b_proj"), values
        else:
            yield key.replace("e_score_correction_bias", "e_score_correction.bias"), value


def write_gguf(path, folder, config, name, arch):
    writer = gguf.GGUFWriter(path, arch)
    writer.add_name(name)
    add_keys(writer, config, arch)
    tokens = token_texts()
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(i) for i in range(VOCABULARY)])
    writer.add_token_types([2, 3, 3] + [1] * (VOCABULARY - 3))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(END)
    for place, value in gguf_tensors(folder, config, name, arch):
        if value.dim() == 1 or place.endswith("bias") or value.dtype != torch.bfloat16:
            writer.add_tensor(place, value.float().numpy())
        else:
            raw = value.contiguous().view(torch.int16).numpy().view(numpy.uint8)
            writer.add_tensor(place, raw, raw_dtype=gguf.GGMLQuantizationType.BF16)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def run(model, prompt_tokens, greedy_tokens):
    ids = torch.randint(3, VOCABULARY, (1, prompt_tokens))
    with torch.no_grad():
        for _ in range(greedy_tokens):
            best = model(ids, use_cache=False).logits[0, -1].clone()
            best[END] = -torch.inf  # never taken: the continuation has a fixed length
            ids = torch.cat([ids, best.argmax().view(1, 1)], dim=1)
        logits = model(ids[:, :-1], use_cache=False).logits[0].float()
    gap = logits[prompt_tokens - 1:].topk(2, dim=-1).values
    return ids[0].tolist(), logits.numpy(), (gap[:, 0] - gap[:, 1]).min().item()


def make(name):
    make_config, arch, prompts = CASES[name]
    torch.manual_seed(sum(map(ord, name)))
    config = make_config()
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    randomise(model, name)
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    golden = gguf.GGUFWriter(OUT / f"{name}_golden.gguf", "golden")
    golden.add_uint32("golden.count", len(prompts))
    for i, (prompt_tokens, greedy_tokens) in enumerate(prompts):
        ids, logits, gap = run(model, prompt_tokens, greedy_tokens)
        golden.add_array(f"golden.{i}.prompt", ids[:prompt_tokens])
        golden.add_array(f"golden.{i}.greedy", ids[prompt_tokens:])
        golden.add_tensor(f"logits.{i}", logits)
        print(f"{name}: smallest gap of the two best logits {gap:.4f}, "
              f"largest logit {abs(logits).max():.2f}")
    golden.write_header_to_file()
    golden.write_kv_data_to_file()
    golden.write_tensors_to_file()
    golden.close()
    model.to(torch.bfloat16).save_pretrained(folder)
    write_tokenizer(folder)
    write_gguf(OUT / f"{name}.gguf", folder, config, name, arch)


def make_mxfp4():
    """gpt-oss with experts on the grid of MXFP4, once in plain numbers and once packed."""
    from safetensors.torch import load_file, save_file
    torch.manual_seed(9)
    config = t.GptOssConfig(**{**COMMON, "intermediate_size": 64}, head_dim=16, sliding_window=9,
                            num_local_experts=4, num_experts_per_tok=2,
                            rope_parameters=rope("yarn", factor=4.0, truncate=False,
                                                 original_max_position_embeddings=16))
    model = AutoModelForCausalLM.from_config(config).float().eval()
    randomise(model, "gpt_oss")
    grid = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6])
    packed = {}
    for key, value in model.named_parameters():
        if not key.endswith(("gate_up_proj", "down_proj")):
            continue
        experts, inputs, outputs = value.shape
        code = torch.randint(0, 16, (experts, outputs, inputs // 32, 32))
        scale = torch.randint(122, 126, (experts, outputs, inputs // 32))
        numbers = grid[code % 8] * torch.where(code < 8, 1.0, -1.0)
        numbers = numbers * 2.0 ** (scale[..., None].float() - 127)
        with torch.no_grad():
            value.copy_(numbers.reshape(experts, outputs, inputs).transpose(1, 2))
        low, high = code[..., 0::2], code[..., 1::2]
        packed[key + "_blocks"] = (low + 16 * high).to(torch.uint8)
        packed[key + "_scales"] = scale.to(torch.uint8)
    for name in ("gpt_oss_plain", "gpt_oss_mxfp4"):
        shutil.rmtree(OUT / name, ignore_errors=True)
    model.to(torch.bfloat16).save_pretrained(OUT / "gpt_oss_plain")
    write_tokenizer(OUT / "gpt_oss_plain")
    shutil.copytree(OUT / "gpt_oss_plain", OUT / "gpt_oss_mxfp4")
    path = OUT / "gpt_oss_mxfp4" / "model.safetensors"
    tensors = {k: v for k, v in load_file(path).items() if not k.endswith(("up_proj", "down_proj"))}
    save_file(tensors | packed, path, metadata={"format": "pt"})
    config_path = OUT / "gpt_oss_mxfp4" / "config.json"
    settings = json.loads(config_path.read_text())
    settings["quantization_config"] = {"quant_method": "mxfp4", "modules_to_not_convert": []}
    config_path.write_text(json.dumps(settings, indent=2))


if __name__ == "__main__":
    torch.set_num_threads(1)
    for case in sys.argv[1:] or [*CASES, "mxfp4"]:
        make_mxfp4() if case == "mxfp4" else make(case)
