# SPDX-License-Identifier: Apache-2.0
# Random strings, the same as src/text/random_text.h makes in C++: words, digits, space of all kinds,
# contractions, a dozen scripts, marks, emoji sequences, controls. Both sides must change together.
MASK = (1 << 64) - 1

WORDS = ["the", "Hello", "world", "don't", "I'LL", "we've", "http://a.b/c?d=e", "x_1", "foo.bar()",
         "naïve", "Straße", "İstanbul", "ΟΔΥΣΣΕΥΣ", "e\u0301a", "ﬁne", "A1b2", "<s>", "</s>", "[CLS]", "[INST]",
         "<|im_end|>", "<extra_id_0>", "  ", "##ing", "▁a", "\r\n"]
CONTRACTIONS = ["'s", "'S", "'re", "'LL", "'t", "'d", "n't", "'\u017f", "'", "’s"]
EMOJI = ["😀", "👍🏽", "👨\u200d👩\u200d👧", "❤\ufe0f", "🇩🇪", "🏳\ufe0f\u200d🌈", "1\ufe0f\u20e3", "😶\u200d🌫\ufe0f"]
SPACES = ["\u00a0", "\u2003", "\u3000", "\u200b", "\u2028", "\u0085", "\ufeff", "\u1680", "\u200d"]
NUMBERS = ["²", "½", "Ⅷ", "٣", "८", "①", "๓", "१२", "٠٩"]
SYMBOLS = ["€", "£", "→", "∑", "✓", "「", "」", "…", "—", "“", "”", "。", "、", "،", "।", "¡", "+", "≠", "^", "`", "|"]
LINES = ["\n", "\n\n", "\r\n", "\t", "\r", " \n", "\n ", "\t\t", "\x0b", "\x0c"]
RANGES = [(0xC0, 0x24F), (0x391, 0x3A1), (0x3A3, 0x3C9), (0x410, 0x44F), (0x4E00, 0x9FA5), (0x3041, 0x3096),
          (0x30A1, 0x30FA), (0xAC00, 0xD7A3), (0x621, 0x63A), (0x641, 0x652), (0xE01, 0xE3A), (0xE40, 0xE4E),
          (0x905, 0x939), (0x93E, 0x94D), (0x5D0, 0x5EA), (0xFF01, 0xFF5E), (0x1E00, 0x1EFF), (0x1F600, 0x1F64F),
          (0x1D400, 0x1D433), (0x20000, 0x2007F), (0xE000, 0xE03F), (0x10A0, 0x10C5), (0x13A0, 0x13EF)]


class RandomText:
    def __init__(self, seed):
        self.state = seed & MASK

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, bound):
        return self.next() % bound

    def run(self, low, high, longest):
        return "".join(chr(low + self.below(high - low + 1)) for _ in range(1 + self.below(longest)))

    def item(self):
        kind = self.below(20)
        if kind < 3:
            return self.run(0x61, 0x7A, 8)
        if kind == 3:
            return self.run(0x41, 0x5A, 4)
        if kind == 4:
            return self.run(0x30, 0x39, 7)
        if kind < 8:
            return " " * (1 + self.below(3) * self.below(2))
        if kind == 8:
            return self.run(0x21, 0x2F, 3)
        if kind == 9:
            return self.run(0x3A, 0x40, 2) + self.run(0x5B, 0x60, 1) + self.run(0x7B, 0x7E, 2)
        if kind == 10:
            return self.run(0x300, 0x36F, 2)
        if kind == 11:
            return self.run(0x01, 0x1F, 1) if self.below(4) == 0 else LINES[self.below(len(LINES))]
        lists = {12: WORDS, 13: CONTRACTIONS, 14: EMOJI, 15: SPACES, 16: NUMBERS, 17: SYMBOLS}
        if kind in lists:
            return lists[kind][self.below(len(lists[kind]))]
        low, high = RANGES[self.below(len(RANGES))]
        return self.run(low, high, 5)

    def text(self):
        return "".join([self.item() for _ in range(1 + self.below(16))])


def strings(seed, count):
    source = RandomText(seed)
    return [source.text() for _ in range(count)]


def digest(batch):
    """FNV-1a over the ids of each text, 32 bits a time, and an end mark."""
    value = 0xCBF29CE484222325
    for ids in batch:
        for number in list(ids) + [0xFFFFFFFF]:
            value = ((value ^ number) * 0x100000001B3) & MASK
    return f"{value:016x}"
