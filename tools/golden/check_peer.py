# SPDX-License-Identifier: Apache-2.0
"""Quantised files in both directions: what `cairn models quantize` writes is read by llama.cpp, what
its llama-quantize writes is read by Cairn, and both give the same perplexity for the same file.

    python3 tools/golden/check_peer.py PEER/build/bin CAIRN MODEL.gguf TEXT [TYPE...]

MODEL lends its tokenizer to a small random Llama whose rows every type divides; with TYPEs, MODEL
itself is quantised instead. Both programs round activations to 8 bits, each in its own blocks, which moves the
perplexity of 510 confident random positions by up to 1 %; ends with 1 when two differ by more than 3 %.
"""
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import gguf
import numpy

OURS = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K",
        "IQ4_NL", "IQ4_XS", "MXFP4"]
PEERS = ["F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K_M", "Q4_K_M", "Q5_K_M", "Q6_K",
         "IQ4_NL", "IQ4_XS", "MXFP4_MOE"]
CHUNK, CHUNKS, LIMIT = 512, 2, 0.03
WIDTH, FEED_FORWARD, LAYERS, HEADS = 256, 512, 3, 4


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr  # perplexity and progress come out on either


def random_model(source, path):
    """Confident random predictions: any weight read wrongly moves the perplexity far."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(path, "llama")
    for key, field in reader.fields.items():
        if key.startswith("tokenizer."):
            kind = field.types[-1] if len(field.types) > 1 else None
            writer.add_key_value(key, field.contents(), field.types[0], kind)
    vocabulary = len(reader.fields["tokenizer.ggml.tokens"].data)
    writer.add_block_count(LAYERS)
    writer.add_context_length(1024)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS // 2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    random = numpy.random.default_rng(1)

    def matrix(name, rows, columns, scale):
        values = random.standard_normal((rows, columns), dtype=numpy.float32) * scale
        writer.add_tensor(name + ".weight", values.astype(numpy.float32))

    def norm(name):
        writer.add_tensor(name + ".weight", 1 + 0.1 * random.standard_normal(WIDTH, dtype=numpy.float32))

    matrix("token_embd", vocabulary, WIDTH, 1.0)
    for i in range(LAYERS):
        scale = 1 / math.sqrt(WIDTH)
        norm(f"blk.{i}.attn_norm")
        matrix(f"blk.{i}.attn_q", WIDTH, WIDTH, scale)
        matrix(f"blk.{i}.attn_k", WIDTH // 2, WIDTH, scale)
        matrix(f"blk.{i}.attn_v", WIDTH // 2, WIDTH, scale)
        matrix(f"blk.{i}.attn_output", WIDTH, WIDTH, 2 * scale)
        norm(f"blk.{i}.ffn_norm")
        matrix(f"blk.{i}.ffn_gate", FEED_FORWARD, WIDTH, scale)
        matrix(f"blk.{i}.ffn_up", FEED_FORWARD, WIDTH, scale)
        matrix(f"blk.{i}.ffn_down", WIDTH, FEED_FORWARD, 2 * scale)
    norm("output_norm")
    matrix("output", vocabulary, WIDTH, 3 / math.sqrt(WIDTH))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    peer, cairn, model, text = map(pathlib.Path, sys.argv[1:5])
    types = sys.argv[5:]
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        source = model
        if not types:
            source = pathlib.Path(folder) / "random.gguf"
            random_model(model, source)

        def check(name, path):
            nonlocal worst
            theirs = run(peer / "llama-perplexity", "-m", path, "-f", text, "-c", CHUNK, "--chunks", CHUNKS, "-t", 1)
            theirs = float(re.search(r"PPL = ([0-9.]+)", theirs)[1])
            ours = run(cairn, "--json", "--threads", 1, "models", "compare", source, path, "--text", text,
                       "--chunk", CHUNK, "--tokens", CHUNK * CHUNKS)
            ours = json.loads(ours[ours.index("{"):ours.rindex("}") + 1])
            difference = ours["perplexity"] / theirs - 1
            worst = max(worst, abs(difference))
            print(f"| {name} | {os.path.getsize(path) / 1e6:.1f} | {ours['perplexity']:.3f} | {theirs:.3f} | "
                  f"{100 * difference:+.3f} % | {ours['mean_kl']:.5f} |", flush=True)

        print("| file | MB | Cairn | llama.cpp | difference | KL to the source |\n|---|---|---|---|---|---|")
        check("source", source)
        out = pathlib.Path(folder) / "out.gguf"
        for kind in [t for t in OURS if not types or t in types]:
            run(cairn, "--threads", 1, "models", "quantize", source, out, "--type", kind)
            check("Cairn " + kind, out)
        for kind in [t for t in PEERS if not types or t in types]:
            run(peer / "llama-quantize", "--allow-requantize", source, out, kind, 1)
            check("llama.cpp " + kind, out)
    print(f"largest difference {100 * worst:.3f} %")
    sys.exit(worst > LIMIT)


if __name__ == "__main__":
    main()
