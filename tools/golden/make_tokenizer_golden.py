# SPDX-License-Identifier: Apache-2.0
"""Makes the fixtures of the tokenizer tests: tiny vocabularies trained here, and digests of the ids
that `tokenizers`, `sentencepiece` and `tiktoken` give for 100,000 random strings (random_text.py).

    pip install tokenizers==0.23.3 sentencepiece tiktoken gguf && python3 tools/golden/make_tokenizer_golden.py

Writes src/text/testdata/*.json, *.model, *.tiktoken and digests.json: name -> one digest a 1,000 strings.
With ../shared (or CAIRN_SHARED) also digests of the real vocabularies there, and with CAIRN_VOCABULARIES of those in
the folder vendor/llama.cpp/models of the PyPI source of llama-cpp-python. Arguments: only names that begin so.
"""
import base64
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import gguf
import sentencepiece
import tiktoken
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from random_text import digest, strings

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "src" / "text" / "testdata"
SHARED = pathlib.Path(os.environ.get("CAIRN_SHARED", ROOT.parent / "shared")) / "testdata" / "tokenizers"
VOCABULARIES = pathlib.Path(os.environ.get("CAIRN_VOCABULARIES", "absent"))
SEED, COUNT, BATCH = 20261123, 100_000, 1000

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
QWEN35 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
O200K = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEKKEN = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
KIMI = "|".join([
    r"[\p{Han}]+",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])
DEEPSEEK3 = r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
BLOOM = r" ?[^(\s|.,!?…。，、।۔،)]+"
BAILING = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
SEED_CODER = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\r\n]+|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"
CJK_DEEPSEEK = "[一-龥ࠀ-一가-\ud7ff]"
DEEPSEEK_LETTERS = "".join([
    r"A-Za-z\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA}\x{1BC}-\x{1BF}\x{1C4}-\x{293}\x{295}-\x{2AF}",
    r"\x{370}-\x{373}\x{376}\x{377}\x{37B}-\x{37D}\x{37F}\x{386}\x{388}-\x{38A}\x{38C}\x{38E}-\x{3A1}",
    r"\x{3A3}-\x{3F5}\x{3F7}-\x{481}\x{48A}-\x{52F}\x{531}-\x{556}\x{10A0}-\x{10C5}\x{13A0}-\x{13F5}",
    r"\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA}\x{1CBD}-\x{1CBF}\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77}\x{1D79}-",
    r"\x{1D9A}\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D}\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D}\x{1F50}-\x{1F57}",
    r"\x{1F59}\x{1F5B}\x{1F5D}\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4}",
    r"\x{1FC6}-\x{1FCC}\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4}\x{1FF6}-",
    r"\x{1FFC}\x{2102}\x{2107}\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124}\x{2126}\x{2128}\x{212A}-",
    r"\x{212D}\x{212F}-\x{2134}\x{2139}\x{213C}-\x{213F}\x{2145}-\x{2149}\x{214E}\x{2183}\x{2184}\x{2C00}-",
    r"\x{2C7B}\x{2C7E}-\x{2CE4}\x{2CEB}-\x{2CEE}\x{2CF2}\x{2CF3}\x{A640}-\x{A66D}\x{A680}-\x{A69B}\x{A722}",
    r"-\x{A76F}\x{A771}-\x{A787}\x{A78B}-\x{A78E}\x{AB70}-\x{ABBF}\x{FB00}-\x{FB06}\x{FB13}-\x{FB17}",
    r"\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}\x{10400}-\x{1044F}\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}",
    r"-\x{10CB2}\x{10CC0}-\x{10CF2}\x{118A0}-\x{118DF}\x{1E900}-\x{1E943}",
])

# Every row of pre_tokenizer.cc, by the expressions of the models' own files.
PRE = {
    "gpt-2": [GPT2],
    "default": [r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"],
    "llama-bpe": [LLAMA3],
    "glm4": [LLAMA3],
    "qwen2": [QWEN2],
    "stablelm2": [QWEN2],
    "qwen35": [QWEN35],
    "deepseek-llm": ["[\r\n]", r"\s?[" + DEEPSEEK_LETTERS + "]+", "\\s?[!-/:-~！-／：-～‘-‟\u3000-。]+", r"\s+$",
                     CJK_DEEPSEEK + "+", r"\p{N}+"],
    "deepseek-coder": ["[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", CJK_DEEPSEEK + "+", r"\p{N}"],
    "deepseek-v3": [r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", DEEPSEEK3],
    "falcon": [r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"],
    "starcoder": [r"\p{N}", GPT2],
    "command-r": [r"\p{N}", GPT2],
    "mpt": [GPT2],
    "tekken": [TEKKEN],
    "gpt-4o": [O200K],
    "kimi-k2": [KIMI],
    "bloom": [BLOOM],
    "viking": [BLOOM, r"\p{N}"],
    "bailingmoe": [BAILING],
    "seed-coder": [SEED_CODER],
}
NFC = {"qwen2", "qwen35", "command-r", "mpt"}
WHOLE_WORDS = {"llama-bpe", "tekken", "kimi-k2"}


def corpus(random=3000):
    lines = [p.read_text() for p in sorted(ROOT.glob("examples/harbour/documents/**/*.md"))]
    return lines + strings(7, random)


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Split(Regex(pattern), behavior=behavior, invert=invert)


def byte_level_cuts(patterns, prefix=False):
    return pre_tokenizers.Sequence([split(p) for p in patterns] +
                                   [pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=False)])


def train_byte_bpe(cuts, size=700):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = cuts
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"]))
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def save(tokenizer, name):
    text = json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":"))
    (OUT / f"{name}.json").write_text(text)
    return Tokenizer.from_str(text)


def added_tokens():
    tokenizer = train_byte_bpe(pre_tokenizers.ByteLevel(add_prefix_space=True), 500)
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.add_tokens([AddedToken("the", single_word=True, normalized=True),
                          AddedToken("x_1", lstrip=True, normalized=False),
                          AddedToken("Hello", rstrip=True, normalized=False),
                          AddedToken("world", single_word=True, lstrip=True, rstrip=True, normalized=False),
                          AddedToken("STRASSE", normalized=True), AddedToken("\n\n", normalized=False),
                          AddedToken("  ", normalized=True)])
    tokenizer.add_special_tokens([AddedToken("<s>", rstrip=True), AddedToken("</s>", lstrip=True)])
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", tokenizer.token_to_id("</s>")), ("<s>", tokenizer.token_to_id("<s>")))
    return tokenizer


def falcon_style():
    cuts = pre_tokenizers.Sequence([pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.ByteLevel(add_prefix_space=False),
                                    pre_tokenizers.Digits(individual_digits=False), split("[0-9][0-9][0-9]")])
    return train_byte_bpe(cuts, 600)


def llama_style(first):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    training = Tokenizer(models.BPE(unk_token="<unk>"))
    training.pre_tokenizer = pre_tokenizers.Metaspace()
    training.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=900, limit_alphabet=200, show_progress=False,
        special_tokens=["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]))
    model = json.loads(training.to_str())["model"]
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in model["merges"]]
    tokenizer.model = models.BPE(model["vocab"], merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    if first:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    else:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                           decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1",
                                                             special_tokens=[("<s>", 1)])
    return tokenizer


def word_piece(lowercase):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(corpus(), trainers.WordPieceTrainer(
        vocab_size=900, limit_alphabet=250, show_progress=False,
        special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def pieces_of(cuts, normalizer=None):
    """Small BPE over characters behind other cuts."""
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = cuts
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(vocab_size=500, limit_alphabet=150, show_progress=False,
                                                                special_tokens=["[UNK]"]))
    return tokenizer


def sentence_piece(kind, name, **options):
    rules = OUT / "charsmap.tsv"
    with tempfile.TemporaryDirectory() as folder:
        text = pathlib.Path(folder) / "corpus.txt"
        text.write_text("\n".join(line.replace("\n", " ") for t in corpus(200) for line in t.splitlines()))
        sentencepiece.SentencePieceTrainer.train(
            input=str(text), model_prefix=str(pathlib.Path(folder) / "m"), model_type=kind, vocab_size=1400,
            normalization_rule_tsv=str(rules), byte_fallback=True, hard_vocab_limit=False, minloglevel=2, character_coverage=0.98,
            num_threads=1, **options)
        data = (pathlib.Path(folder) / "m.model").read_bytes()
    (OUT / f"{name}.model").write_bytes(data)
    return sentencepiece.SentencePieceProcessor(model_proto=data)


def real_vocabulary(path):
    """The vocabulary and merges of a GGUF file behind the cuts of its model's own tokenizer.json."""
    fields = gguf.GGUFReader(path).fields
    tokens, types, merges, pre = [fields[f"tokenizer.ggml.{key}"].contents()
                                  for key in ("tokens", "token_type", "merges", "pre")]
    tokenizer = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, [tuple(m.split(" ")) for m in merges],
                                     ignore_merges=pre in WHOLE_WORDS))
    tokenizer.pre_tokenizer = byte_level_cuts(PRE[pre])
    if pre in NFC:
        tokenizer.normalizer = normalizers.NFC()
    for kind, add in ((3, tokenizer.add_special_tokens), (4, tokenizer.add_tokens)):
        add([AddedToken(t, normalized=False, special=kind == 3) for t, k in zip(tokens, types) if k == kind])
    return tokenizer


def is_tie(processor, text):
    best = processor.nbest_encode(text, nbest_size=2)
    sums = [sum(processor.get_score(i) for i in ids) for ids in best]
    return len(sums) == 2 and abs(sums[0] - sums[1]) < 1e-3


def hf_unigram(data):
    from sentencepiece import sentencepiece_model_pb2 as pb
    proto = pb.ModelProto.FromString(data)
    vocab = [(p.piece, p.score) for p in proto.pieces]
    tokenizer = Tokenizer(models.Unigram(vocab, unk_id=proto.trainer_spec.unk_id, byte_fallback=True))
    charsmap = proto.normalizer_spec.precompiled_charsmap
    tokenizer.normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap), normalizers.Strip(left=False),
                                                 normalizers.Replace(Regex(" {2,}"), "▁")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 2)])
    return tokenizer


def main():
    OUT.mkdir(exist_ok=True)
    texts = strings(SEED, COUNT)
    digests_file = OUT / "digests.json"  # read in record(): no other variable may take this name
    old = json.loads(digests_file.read_text()) if digests_file.exists() else {}
    digests, ties = old.get("digests", {}), {k: v.split() for k, v in old.get("ties", {}).items()}

    def wanted(name):
        return name.startswith(tuple(sys.argv[1:]) or "")

    def record(name, encode_batch):
        if not wanted(name):
            return
        digests[name] = []
        for begin in range(0, COUNT, BATCH):
            digests[name].append(digest(encode_batch(texts[begin:begin + BATCH])))
        assert digests_file.parent == OUT  # ../shared is never written
        digests_file.write_text(json.dumps({"seed": SEED, "batch": BATCH, "ties": {k: " ".join(map(str, v)) for k, v in ties.items()},
                                    "digests": digests}, indent=0) + "\n")
        print(name, flush=True)

    def record_json(name, make):
        if not wanted(name):  # training is not the same twice: vocabulary and digests go together
            return
        tokenizer = make()
        record(name, lambda batch: [e.ids for e in tokenizer.encode_batch(batch, add_special_tokens=False)])

    if wanted("byte_bpe"):
        save(train_byte_bpe(pre_tokenizers.ByteLevel(add_prefix_space=False)), "byte_bpe")
    base = Tokenizer.from_file(str(OUT / "byte_bpe.json"))
    spec = json.loads(base.to_str())
    for name, patterns in PRE.items():
        spec["model"]["ignore_merges"] = name in WHOLE_WORDS
        tokenizer = Tokenizer.from_str(json.dumps(spec))
        tokenizer.pre_tokenizer = byte_level_cuts(patterns)
        if name in NFC:
            tokenizer.normalizer = normalizers.NFC()
        record_json("pre:" + name, lambda: tokenizer)

    record_json("byte_bpe", lambda: base)
    record_json("added_tokens", lambda: save(added_tokens(), "added_tokens"))
    record_json("falcon_style", lambda: save(falcon_style(), "falcon_style"))
    record_json("llama_style", lambda: save(llama_style(False), "llama_style"))
    record_json("mistral_style", lambda: save(llama_style(True), "mistral_style"))
    record_json("bert_lower", lambda: save(word_piece(True), "bert_lower"))
    record_json("bert_cased", lambda: save(word_piece(False), "bert_cased"))
    record_json("whitespace", lambda: save(pieces_of(pre_tokenizers.Whitespace(), normalizers.Sequence(
        [normalizers.NFD(), normalizers.StripAccents(), normalizers.Strip()])), "whitespace"))
    record_json("mixed_cuts", lambda: save(pieces_of(pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("merged_with_previous"),
         pre_tokenizers.Digits(individual_digits=True), split("[aeiou]", "merged_with_next"),
         split("[A-Z]+", "contiguous", True)]), normalizers.NFKD()), "mixed_cuts"))

    (OUT / "charsmap.tsv").write_text("".join(
        " ".join(f"{ord(c):04X}" for c in a) + "\t" + " ".join(f"{ord(c):04X}" for c in b) + "\n"
        for a, b in [("½", "1/2"), ("ﬁ", "fi"), ("²", "2"), ("\u3000", " "), ("\u00a0", " "), ("\t", " "), ("\n", " "),
                     ("Ⅷ", "VIII"), ("①", "1"), ("…", "..."), ("e\u0301", "é"), ("Ａ", "A"), ("\u200b", ""), ("\u0301", "'")]))
    if wanted("unigram"):
        unigram = sentence_piece("unigram", "unigram")
        # Where two ways to cut are equally good, the rounding of sums over the text before decides.
        ties["unigram.model"] = [i for i, t in enumerate(texts) if is_tie(unigram, t)]
        skipped = {texts[i] for i in ties["unigram.model"]}
        record("unigram.model", lambda batch: [[] if t in skipped else unigram.encode(t) for t in batch])
    if wanted("sp_bpe"):
        bpe = sentence_piece("bpe", "sp_bpe", remove_extra_whitespaces=False)
        record("sp_bpe.model", lambda batch: bpe.encode(batch))
    record_json("unigram", lambda: save(hf_unigram((OUT / "unigram.model").read_bytes()), "unigram"))

    ranks = {bytes([b]): b for b in range(256)}
    alphabet = {c: b for b, c in byte_alphabet().items()}
    for token, _ in sorted(base.get_vocab().items(), key=lambda item: item[1]):
        if token.startswith("<|"):
            continue
        data = bytes(alphabet[c] for c in token)
        ranks.setdefault(data, len(ranks))
    (OUT / "kimi.tiktoken").write_bytes(b"".join(base64.b64encode(t) + b" %d\n" % r for t, r in ranks.items()))
    encoding = tiktoken.Encoding("kimi", pat_str=KIMI, mergeable_ranks=ranks, special_tokens={})
    record("kimi.tiktoken", lambda batch: [encoding.encode_ordinary(t) for t in batch])

    for name in ("llama-bpe", "qwen2", "command-r", "deepseek-llm"):
        path = VOCABULARIES / f"ggml-vocab-{name}.gguf"
        if path.exists():
            record_json("vocabulary:" + name, lambda: real_vocabulary(path))

    if SHARED.exists():
        for packed in sorted(SHARED.glob("hf/*.tokenizer.json.zst")):
            data = subprocess.run(["zstd", "-dc", str(packed)], check=True, capture_output=True).stdout
            spec = json.loads(data)
            spec["truncation"] = spec["padding"] = None
            record_json("shared:" + packed.name[:-len(".tokenizer.json.zst")], lambda: Tokenizer.from_str(json.dumps(spec)))


def byte_alphabet():
    printable = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, extra = {}, 0
    for byte in range(256):
        if byte in printable:
            table[byte] = chr(byte)
        else:
            table[byte] = chr(256 + extra)
            extra += 1
    return table


if __name__ == "__main__":
    main()
