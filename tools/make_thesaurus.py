#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make src/knowledge/data/thesaurus.txt from WordNet 3.0 (Debian: wordnet-base).

Which English words mean nearly the same, a wider or a narrower thing: one line a word,
"lunch meal 49 luncheon 70", weights in hundredths, heaviest first. Irregular forms count as the
word itself ("mislaid mislay 100"). Standard library only:

    python3 tools/make_thesaurus.py /usr/share/wordnet src/knowledge/data/thesaurus.txt
"""
import collections
import math
import pathlib
import re
import sys

KINDS = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
SENSE_TYPES = {"1": "n", "2": "v", "3": "a", "4": "r", "5": "a"}
SAME, DERIVED, PERTAINS, SIMILAR, ENTAILS = 1.0, 0.9, 0.8, 0.6, 0.4
STEPS = {"n": (0.7, 0.5, 0.4, 0.3), "v": (0.6,)}  # to wider words, step by step
WIDEST = {"n": 300, "v": 60}  # a word with more kinds below it ("thing", "person") says nothing
LEAST = 0.35
COUNT_MIN = 1  # times seen in WordNet's sense-tagged texts; rarer words are left out
MOST = 14  # relations kept for one word

WORD = re.compile(r"[a-z]{3,20}")


def read_counts(folder):
    """(lemma, kind, sense number) -> times seen in tagged text."""
    counts = collections.Counter()
    for line in open(folder / "cntlist.rev", encoding="ascii"):
        key, number, count = line.split()
        lemma, rest = key.split("%")
        counts[lemma, SENSE_TYPES[rest[0]], int(number)] += int(count)
    return counts


def read_synsets(folder):
    """(kind, offset) -> (words, [(symbol, (kind, offset), source word, target word)])."""
    synsets = {}
    for kind, name in KINDS.items():
        for line in open(folder / f"data.{name}", encoding="ascii"):
            if line.startswith("  "):
                continue
            parts = line.split(" | ")[0].split()
            words = [re.sub(r"\(.*\)", "", w) for w in parts[4:4 + 2 * int(parts[3], 16):2]]
            at = 4 + 2 * int(parts[3], 16)
            pointers = []
            for i in range(at + 1, at + 1 + 4 * int(parts[at]), 4):
                symbol, offset, to, ends = parts[i:i + 4]
                to = "a" if to == "s" else to
                pointers.append((symbol, (to, offset), int(ends[:2], 16), int(ends[2:], 16)))
            synsets[kind, parts[0]] = (words, pointers)
    return synsets


def read_senses(folder, counts):
    """word -> {synset: how usual this sense is, 1 for the most usual one}."""
    senses = collections.defaultdict(dict)
    for kind, name in KINDS.items():
        for line in open(folder / f"index.{name}", encoding="ascii"):
            if line.startswith("  ") or not WORD.fullmatch(line.split()[0]):
                continue
            parts = line.split()
            for number, offset in enumerate(parts[-int(parts[2]):], 1):
                senses[parts[0]][kind, offset] = counts[parts[0], kind, number] + 0.5 / number
    for of_word in senses.values():
        most = max(of_word.values())
        for synset in of_word:
            of_word[synset] = math.sqrt(of_word[synset] / most)
    return senses


def count_below(synsets):
    """Synset -> how many synsets are kinds of it, at any depth."""
    below = collections.Counter()
    for start in synsets:
        seen, todo = {start}, [start]
        while todo:
            for symbol, to, _, _ in synsets[todo.pop()][1]:
                if symbol in ("@", "@i") and to not in seen:
                    seen.add(to)
                    todo.append(to)
        for wider in seen - {start}:
            below[wider] += 1
    return below


def links_of(start, synsets, below):
    """[(synset, weight, source word or None, target word or None)] near a synset."""
    kind = start[0]
    out = [(start, SAME, None, None)]
    for symbol, to, source, target in synsets[start][1]:
        if symbol == "+":
            out.append((to, DERIVED, source, target))
        elif symbol == "\\":
            out.append((to, PERTAINS, source, target))
        elif symbol == "&":
            out.append((to, SIMILAR, None, None))
        elif symbol in ("*", ">"):
            out.append((to, ENTAILS, None, None))
    level = [start]
    for weight in STEPS.get(kind, ()):
        level = [to for s in level for symbol, to, _, _ in synsets[s][1]
                 if symbol in ("@", "@i") and below[to] <= WIDEST[kind]]
        out += [(to, weight, None, None) for to in level]
    return out


def main(folder, output):
    counts = read_counts(folder)
    seen = collections.Counter()
    for (lemma, _, _), count in counts.items():
        seen[lemma] += count
    synsets = read_synsets(folder)
    senses = read_senses(folder, counts)
    below = count_below(synsets)
    related = collections.defaultdict(dict)

    def relate(a, b, weight):
        if a != b and weight >= LEAST:
            related[a][b] = max(weight, related[a].get(b, 0))
            related[b][a] = max(weight, related[b].get(a, 0))

    usual = {word for word in senses if seen[word] >= COUNT_MIN}
    for word in sorted(usual):
        for synset, share in senses[word].items():
            for to, weight, source, target in links_of(synset, synsets, below):
                words = synsets[synset][0]
                if source and (source > len(words) or words[source - 1].lower() != word):
                    continue
                targets = synsets[to][0] if not target else synsets[to][0][target - 1:target]
                for other in targets:
                    if other in usual:
                        relate(word, other, weight * math.sqrt(share * senses[other][to]))
    for name in KINDS.values():
        for line in open(folder / f"{name}.exc", encoding="ascii"):
            form, *bases = line.split()
            for base in bases:
                if WORD.fullmatch(form) and base in usual:
                    related[form][base] = related[base][form] = 1.0
    with open(output, "w", encoding="ascii", newline="\n") as file:
        for word in sorted(related):
            near = sorted(related[word].items(), key=lambda item: (-item[1], item[0]))[:MOST]
            file.write(word + "".join(f" {w} {round(100 * s)}" for w, s in near) + "\n")


main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
