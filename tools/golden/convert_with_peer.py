# SPDX-License-Identifier: Apache-2.0
"""Has llama.cpp's converter write the tiny checkpoints of src/engine/testdata as GGUF files, so that
the engine's tests can read files that another program named and ordered.

    pip download --no-binary :all: --no-deps llama-cpp-python   # carries llama.cpp; unpack it
    python3 tools/golden/convert_with_peer.py .../vendor/llama.cpp OUT [NAME...]
    CAIRN_PEER_FILES=OUT engine_arch_test --gtest_filter='*PeerFile*'   (and engine_encoder_test)

The checkpoints say what their published relatives say too, where the converter asks for it. Their
vocabularies, which it cannot recognise, are written as they are. Four of them are less regular than
any published model; what the converter would leave out of them is added (see ADDITIONS).
"""
import json
import logging
import pathlib
import shutil
import sys
import tempfile

DATA = pathlib.Path(__file__).resolve().parents[2] / "src" / "engine" / "testdata"


def minimax_01(config):
    """The names of the makers' own code, which the converter knows."""
    config["architectures"] = ["MiniMaxText01ForCausalLM"]
    for part in ("full_attention", "linear_attention", "mlp"):
        theirs = {"full_attention": "full_attn", "linear_attention": "linear_attn"}.get(part, part)
        config[f"layernorm_{part}_alpha"] = config[f"{theirs}_alpha_factor"]
        config[f"layernorm_{part}_beta"] = 1.0
    config["rotary_dim"] = config["head_dim"]


def modern(config):
    """The converter gives the head's dense layer and the classifier one name: without them."""
    config["architectures"] = ["ModernBertModel"]
    config["layer_norm_eps"] = config["norm_eps"]
    config["global_attn_every_n_layers"] = 3


FIXES = {
    "minimax_01": minimax_01,
    "minimax_m2": lambda config: config.update(rotary_dim=config["head_dim"] // 2),
    "deepseek_v2": lambda config: config.update(scoring_func="softmax"),
    "deepseek_v3": lambda config: config.update(scoring_func="sigmoid"),
    "encoder_modern": modern,
}

# Windows of Mistral and Qwen2, a scale of Gemma 2 that is not its width's, layers in another order.
ADDITIONS = {
    "mistral": lambda w, config: w.add_sliding_window(config["sliding_window"]),
    "qwen2": lambda w, config: (w.add_sliding_window(config["sliding_window"]),
                                w.add_sliding_window_pattern([False, True])),
    "gemma2": lambda w, config: w.add_float32(
        "gemma2.attention.scale", config["query_pre_attn_scalar"] ** -0.5),
    "gemma3": lambda w, config: w.add_float32(
        "gemma3.attention.scale", config["query_pre_attn_scalar"] ** -0.5),
    "minimax_01": lambda w, config: w.add_array(
        "minimax-01.attention.recurrent_layers",
        [kind == "linear_attention" for kind in config["layer_types"]]),
}


def tokens_of(folder):
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    return [token for token, _ in sorted(vocabulary.items(), key=lambda item: item[1])]


def write_decoder_vocabulary(model):
    tokens = tokens_of(model.dir_model)
    writer = model.gguf_writer
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(i) for i in range(len(tokens))])
    writer.add_token_types([2, 3, 3] + [1] * (len(tokens) - 3))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    ADDITIONS.get(model.dir_model.name, lambda *_: None)(writer, model.hparams)


def write_encoder_vocabulary(model):
    """WordPiece as GGUF marks it: words begin with U+2581."""
    tokens = tokens_of(model.dir_model)
    special = [token.startswith(("[", "<")) for token in tokens]
    writer = model.gguf_writer
    writer.add_tokenizer_model("bert")
    writer.add_token_list([t if s else t[2:] if t.startswith("##") else "\u2581" + t
                           for t, s in zip(tokens, special)])
    writer.add_token_types([3 if s else 1 for s in special])
    bert = "[UNK]" in tokens
    writer.add_unk_token_id(tokens.index("[UNK]" if bert else "<unk>"))
    writer.add_bos_token_id(tokens.index("[CLS]" if bert else "<s>"))
    writer.add_eos_token_id(tokens.index("[SEP]" if bert else "</s>"))


def copy_checkpoint(folder, target):
    from safetensors.torch import load_file, save_file
    shutil.copytree(folder, target)
    for path in target.iterdir():
        path.chmod(0o755 if path.is_dir() else 0o644)
    config = json.loads((target / "config.json").read_text())
    FIXES.get(folder.name, lambda config: None)(config)
    (target / "config.json").write_text(json.dumps(config))
    weights = target / "model.safetensors"
    tensors = load_file(weights)
    if folder.name == "minimax_01":  # tables that are computed, which published files do not hold
        kept = {k: v for k, v in tensors.items() if "decay" not in k and "slope" not in k}
        save_file(kept, weights)
        (target / "model.safetensors.index.json").write_text(
            json.dumps({"weight_map": {name: weights.name for name in kept}}))
    if folder.name == "encoder_modern":
        save_file({k: v for k, v in tensors.items() if not k.startswith(("head.", "classifier."))},
                  weights)


def convert(converter, classes, folder, out):
    encoder = folder.name.startswith("encoder_")
    write = write_encoder_vocabulary if encoder else write_decoder_vocabulary
    own = folder.name == "encoder_bert"  # this vocabulary the converter reads by itself
    for cls in classes:
        if "set_vocab" in vars(cls) and not own:
            cls.set_vocab = write
    with tempfile.TemporaryDirectory() as temporary:
        copy = pathlib.Path(temporary) / folder.name
        copy_checkpoint(folder, copy)
        kept = ["--outtype", "auto"] if "mxfp4" in folder.name else ["--outtype", "f32"]
        sys.argv = ["convert", str(copy), "--outfile", str(out / f"{folder.name}.gguf"), *kept]
        converter.main()


def all_classes(cls):
    return [cls] + [c for child in cls.__subclasses__() for c in all_classes(child)]


def main():
    peer, out, names = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
    sys.path[:0] = [f"{peer}/gguf-py", peer]
    out.mkdir(parents=True, exist_ok=True)
    import convert_hf_to_gguf as converter
    from conversion import base, load_all_models
    logging.disable(logging.INFO)
    load_all_models()
    base.TextModel.get_vocab_base_pre = lambda self, tokenizer: "gpt-2"
    folders = [p for p in [*DATA.glob("encoder_bert"), *DATA.glob("arch/*"), *DATA.glob("encoder_*")] if p.is_dir()]
    for folder in dict.fromkeys(folders):
        if names and folder.name not in names:
            continue
        try:
            convert(converter, all_classes(base.ModelBase), folder, out)
            print("converted", folder.name, flush=True)
        except (Exception, SystemExit) as problem:  # the list goes on; what is missing is named
            print("FAILED", folder.name, type(problem).__name__, problem, flush=True)


if __name__ == "__main__":
    main()
