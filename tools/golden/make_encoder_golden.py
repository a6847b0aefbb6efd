# SPDX-License-Identifier: Apache-2.0
"""Makes the fixtures of the encoders' parity test: tiny random models as Hugging Face directories
(one also as GGUF), and what transformers computes for them in float32.

    pip install torch==2.13.0 transformers tokenizers safetensors && python3 tools/golden/make_encoder_golden.py

Writes src/engine/testdata/encoder_{bert,xlmr,modern}/, encoder_bert.gguf and encoder_golden.gguf
(token ids and type ids as metadata; hidden states, embeddings and logits as tensors).
"""
import json
import pathlib
import shutil
import struct

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import (BertConfig, BertForSequenceClassification, ModernBertConfig,
                          ModernBertForSequenceClassification, XLMRobertaConfig,
                          XLMRobertaForSequenceClassification)

from make_llama_golden import TENSOR_F32, write_gguf

OUT = pathlib.Path(__file__).resolve().parents[2] / "src" / "engine" / "testdata"
VOCABULARY = 96
WORDS = ("the of and to in is how many days leave do you have a an it for with on as at by this we "
         "##s ##ing ##ed ##er ##ly un re").split()


def randomise(model, seed):
    """Nothing stays at its default: norms near 1, biases away from 0, matrices of visible size."""
    torch.manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn_like(parameter)
        if parameter.dim() > 1:
            parameter.data = noise * 0.15
        else:
            parameter.data = noise * 0.1 + (1.0 if "norm" in name.lower() and "weight" in name else 0.0)
    return model.eval()


def word_pieces(kind):
    special = {"bert": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
               "xlmr": ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]}[kind]
    letters = [chr(ord("a") + i) for i in range(26)]
    tokens = special + letters + ["##" + c for c in letters] + WORDS
    tokens += [f"[unused{i}]" for i in range(VOCABULARY - len(tokens))]
    return tokens[:VOCABULARY], special


def save_tokenizer(folder, kind):
    tokens, special = word_pieces(kind)
    unknown = special[1] if kind == "bert" else special[3]
    tokenizer = Tokenizer(models.WordPiece({t: i for i, t in enumerate(tokens)}, unk_token=unknown))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(special)
    tokenizer.save(str(folder / "tokenizer.json"))
    return tokens


def sequences(limit):
    """Lengths 1, odd, one beyond a vector, and a pair; ids of ordinary tokens."""
    generator = torch.Generator().manual_seed(7)
    out = []
    for length, second in [(1, None), (7, None), (limit, None), (19, 8)]:
        ids = torch.randint(5, VOCABULARY, (length,), generator=generator).tolist()
        types = [0 if second is None or i < second else 1 for i in range(length)]
        out.append((ids, types))
    return out


def run(name, model, base, has_types, limit, golden):
    metadata, tensors = golden
    for i, (ids, types) in enumerate(sequences(limit)):
        tokens = torch.tensor([ids])
        extra = {"token_type_ids": torch.tensor([types])} if has_types else {}
        with torch.no_grad():
            hidden = base(tokens, **extra).last_hidden_state[0]
            logits = model(tokens, **extra).logits[0]
        key = f"{name}.{i}"
        metadata[f"{key}.ids"] = ids
        metadata[f"{key}.types"] = types
        tensors[f"{key}.hidden"] = (hidden, TENSOR_F32)
        tensors[f"{key}.logits"] = (logits, TENSOR_F32)


def save(name, model):
    folder = OUT / f"encoder_{name}"
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    for key in [k for k in config if k.startswith(("_", "transformers_version"))]:
        del config[key]
    (folder / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")
    return folder


def bert_gguf(model, config, tokens):
    """llama.cpp's names and keys, so that its files are read as well."""
    names = {"attention.self.query": "attn_q", "attention.self.key": "attn_k",
             "attention.self.value": "attn_v", "attention.output.dense": "attn_output",
             "attention.output.LayerNorm": "attn_output_norm", "intermediate.dense": "ffn_up",
             "output.dense": "ffn_down", "output.LayerNorm": "layer_output_norm"}
    state = model.bert.state_dict()
    tensors = {"token_embd.weight": state["embeddings.word_embeddings.weight"],
               "position_embd.weight": state["embeddings.position_embeddings.weight"],
               "token_types.weight": state["embeddings.token_type_embeddings.weight"],
               "token_embd_norm.weight": state["embeddings.LayerNorm.weight"],
               "token_embd_norm.bias": state["embeddings.LayerNorm.bias"]}
    for layer in range(config.num_hidden_layers):
        for theirs, ours in names.items():
            for end in ("weight", "bias"):
                tensors[f"blk.{layer}.{ours}.{end}"] = state[f"encoder.layer.{layer}.{theirs}.{end}"]
    for end in ("weight", "bias"):
        tensors[f"cls.{end}"] = state[f"pooler.dense.{end}"]
        tensors[f"cls.output.{end}"] = model.classifier.state_dict()[end]
    # GGUF marks the beginnings of words instead of the other pieces.
    pieces = [t if t.startswith("[") else t[2:] if t.startswith("##") else "\u2581" + t for t in tokens]
    metadata = {
        "general.architecture": "bert", "general.name": "tiny random BERT",
        "bert.block_count": config.num_hidden_layers, "bert.context_length": config.max_position_embeddings,
        "bert.embedding_length": config.hidden_size, "bert.feed_forward_length": config.intermediate_size,
        "bert.attention.head_count": config.num_attention_heads,
        "bert.attention.layer_norm_epsilon": config.layer_norm_eps, "bert.pooling_type": 2,
        "bert.classifier.output_labels": ["relevant"],
        "tokenizer.ggml.model": "bert", "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.tokens": pieces,
        "tokenizer.ggml.token_type": [3 if i < 5 else 1 for i in range(len(pieces))],
        "tokenizer.ggml.bos_token_id": 2, "tokenizer.ggml.eos_token_id": 3,
        "tokenizer.ggml.unknown_token_id": 1, "tokenizer.ggml.seperator_token_id": 3,
        "tokenizer.ggml.padding_token_id": 0,
    }
    write_gguf(OUT / "encoder_bert.gguf", metadata, {n: (t, TENSOR_F32) for n, t in tensors.items()})


def main():
    golden = ({"general.architecture": "golden"}, {})
    shape = dict(vocab_size=VOCABULARY, hidden_size=32, num_attention_heads=4, intermediate_size=48,
                 attn_implementation="eager")

    config = BertConfig(**shape, num_hidden_layers=2, max_position_embeddings=40, num_labels=1, pad_token_id=0,
                        hidden_dropout_prob=0.0, layer_norm_eps=1e-6, id2label={0: "relevant"})
    model = randomise(BertForSequenceClassification(config), 1)
    folder = save("bert", model)
    tokens = save_tokenizer(folder, "bert")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(
        {"word_embedding_dimension": 32, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}) + "\n")
    modules = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
               {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]
    (folder / "modules.json").write_text(json.dumps(modules) + "\n")
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 32}\n')
    (folder / "config_sentence_transformers.json").write_text(
        '{"prompts": {"query": "how: ", "passage": "this: "}}\n')
    run("bert", model, model.bert, True, 40, golden)
    bert_gguf(model, config, tokens)

    config = XLMRobertaConfig(**shape, num_hidden_layers=2, max_position_embeddings=36, num_labels=3,
                              type_vocab_size=1, pad_token_id=1, bos_token_id=0, eos_token_id=2,
                              id2label={0: "entailment", 1: "neutral", 2: "contradiction"})
    model = randomise(XLMRobertaForSequenceClassification(config), 2)
    save_tokenizer(save("xlmr", model), "xlmr")
    run("xlmr", model, model.roberta, False, 34, golden)

    config = ModernBertConfig(**shape, num_hidden_layers=4, max_position_embeddings=64, num_labels=2,
                              local_attention=8, pad_token_id=0, bos_token_id=2, eos_token_id=3,
                              cls_token_id=2, sep_token_id=3, classifier_pooling="mean",
                              layer_types=["full_attention" if i % 3 == 0 else "sliding_attention"
                                           for i in range(4)])
    model = randomise(ModernBertForSequenceClassification(config), 3)
    save_tokenizer(save("modern", model), "bert")
    run("modern", model, model.model, False, 33, golden)
    write_gguf(OUT / "encoder_golden.gguf", *golden)


if __name__ == "__main__":
    main()
