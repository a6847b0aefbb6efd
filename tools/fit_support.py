# SPDX-License-Identifier: Apache-2.0
"""Fits how the assistant orders sentences and how sure it is of the first (src/apps/evidence.cc).

    support_lab questions FILE.index QUESTIONS.jsonl [--embedder FOLDER] > dump.jsonl
    python3 tools/fit_support.py dump.jsonl [dump.jsonl ...]

Order: a conditional logistic model (softmax over the sentences of a question; right ones against
the others). Support: a logistic model of "the first sentence is right" over the same evidence and
two margins. Both are checked by cross-validation in which no document is in both parts; the printed
coefficients are those on all questions. Only numpy is needed.
"""
import hashlib
import json
import sys

import numpy as np

FOLDS = 10
RIDGE_ORDER = 3.0
RIDGE_SUPPORT = 3.0
PASSAGES = 8
QUOTE_BYTES_MAX = 1200
WORDS = ["coverage", "context", "pairs", "kind", "numbers", "passage", "words"]
MEANING = ["meaning", "passage_meaning"]


def stretched(cosine):
    return min(1.0, max(0.0, (cosine - 0.1) / 0.6))


def evidence(hit, sentence, by_meaning):
    row = [sentence["coverage"], sentence["context"], sentence["pairs"], sentence["kind"],
           float(sentence["numbers"]), hit["coverage"], hit["words"]]
    if by_meaning:
        row += [stretched(sentence["meaning"]), stretched(hit["meaning"])]
    return row


class Question:
    def __init__(self, name, row, by_meaning):
        self.set, self.row = name, row
        hits = sorted(row["hits"], key=lambda h: -h["score"])[:PASSAGES]
        self.x, self.right, self.chunk, seen = [], [], [], set()
        for hit in hits:
            for sentence in hit["sentences"]:
                text = " ".join(sentence["text"].split())
                if len(text.encode()) > QUOTE_BYTES_MAX or text in seen:
                    continue
                seen.add(text)
                self.x.append(evidence(hit, sentence, by_meaning))
                self.right.append(float(sentence["right"]))
                self.chunk.append(hit["chunk"])
        width = len(WORDS) + (len(MEANING) if by_meaning else 0)
        self.x = np.array(self.x).reshape(-1, width)
        self.right = np.array(self.right)
        group = row["document"] or row["id"]
        self.fold = int(hashlib.sha256(group.encode()).hexdigest(), 16) % FOLDS


def none_against(fit, count):
    """Evidence never counts against an answer: what would is left out and the rest fitted anew."""
    kept = np.arange(count)
    while True:
        b = fit(kept)
        if (b >= 0).all():
            out = np.zeros(count)
            out[kept] = b
            return out
        kept = kept[b >= 0]


def fit_order(questions, scale):
    return none_against(lambda kept: order_weights(questions, scale, kept), len(scale))


def order_weights(questions, scale, kept):
    """Newton's method on the ridge-penalised likelihood that a right sentence is first."""
    groups = [((q.x / scale)[:, kept], q.right) for q in questions
              if q.right.any() and not q.right.all()]
    b = np.zeros(len(kept))
    for _ in range(50):
        gradient, hessian = RIDGE_ORDER * b, RIDGE_ORDER * np.eye(len(b))
        for x, right in groups:
            z = x @ b
            p = np.exp(z - z.max())
            p /= p.sum()
            q = p * right / (p * right).sum()
            mean = p @ x
            gradient = gradient + mean - q @ x
            hessian = hessian + (x * p[:, None]).T @ x - np.outer(mean, mean)
        step = np.linalg.solve(hessian, gradient)
        b -= step
        if abs(step).max() < 1e-9:
            break
    return b / scale[kept]


def support_row(question, order):
    """The evidence of the first sentence, its lead on the next passage and on the next sentence."""
    score = question.x @ order
    ranks = np.argsort(-score, kind="stable")
    first = ranks[0]
    other = [i for i in ranks if question.chunk[i] != question.chunk[first]]
    # Where there is no other: ahead of a sentence without any evidence.
    gap = score[first] - (score[other[0]] if other else 0.0)
    lead = score[first] - (score[ranks[1]] if len(ranks) > 1 else 0.0)
    return list(question.x[first]) + [gap, lead], question.right[first], ranks


def fit_support(x, y, scale):
    constant = [0.0]

    def weights(kept):
        b = support_weights((x / scale)[:, kept], y)
        constant[0] = b[0]
        return b[1:] / scale[kept]

    found = none_against(weights, x.shape[1])
    return np.concatenate([constant, found])


def support_weights(x, y):
    x = np.hstack([np.ones((len(x), 1)), x])
    b, penalty = np.zeros(x.shape[1]), RIDGE_SUPPORT * np.eye(x.shape[1])
    penalty[0, 0] = 1e-6
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ b))
        step = np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + penalty,
                               x.T @ (p - y) + penalty @ b)
        b -= step
        if abs(step).max() < 1e-9:
            break
    return b


def sure(b, x):
    return 1 / (1 + np.exp(-(b[0] + x @ b[1:])))


def auroc(score, right):
    a, b = score[right == 1], score[right == 0]
    return np.mean([(s > b).mean() + 0.5 * (s == b).mean() for s in a]) if len(a) and len(b) else 0


def curve(support, right, answerable):
    """(share answered, answerable answered right, wrong of all) at each number of answers."""
    ranks = np.argsort(-support, kind="stable")
    taken = np.cumsum(right[ranks])
    count = np.arange(1, len(ranks) + 1)
    return count / len(ranks), taken / max(1, answerable.sum()), (count - taken) / len(ranks)


def report(name, questions, order_of, support):
    asked = [q for q in questions if q.row["answerable"]]
    places = [q.right[support_row(q, order_of(q))[2]] for q in asked if len(q.x)]
    line = f"{name}: {len(questions)} questions, {len(asked)} answerable; right sentence first "
    line += f"{sum(p[0] for p in places):.0f}, of three {sum(p[:3].any() for p in places)}, "
    line += f"of eight {sum(p[:8].any() for p in places)}"
    right = np.array([support_row(q, order_of(q))[1] if len(q.x) else 0 for q in questions])
    answerable = np.array([q.row["answerable"] for q in questions])
    print(line + f"; AUROC {auroc(support, right):.3f}")
    answered, found, wrong = curve(support, right, answerable)
    for most in (0.02, 0.05, 0.10, 0.20):
        fits = np.where(wrong <= most)[0]
        at = fits[-1] if len(fits) else 0
        print(f"    wrong <= {most:.2f}: answers {answered[at]:.2f}, of the answerable right "
              f"{found[at]:.2f}")


def fit(files, by_meaning):
    names = WORDS + (MEANING if by_meaning else [])
    questions = [Question(f, json.loads(line), by_meaning) for f in files for line in open(f)]
    questions = [q for q in questions if len(q.x)]
    scale = np.vstack([q.x for q in questions]).std(0) + 1e-6
    orders = [fit_order([q for q in questions if q.fold != f], scale) for f in range(FOLDS)]
    support = np.zeros(len(questions))
    for f in range(FOLDS):
        # The margins of a fold are those by an order that has not seen it, as later in use.
        rows = [support_row(q, orders[q.fold]) for q in questions]
        x, y = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
        inside = np.array([q.fold != f for q in questions])
        spread = x.std(0) + 1e-6
        support[~inside] = sure(fit_support(x[inside], y[inside], spread), x[~inside])
    print("with an embedder" if by_meaning else "by words alone")
    for f in files + ["all"]:
        chosen = [i for i, q in enumerate(questions) if f in ("all", q.set)]
        report(f, [questions[i] for i in chosen], lambda q: orders[q.fold], support[chosen])
    order = fit_order(questions, scale)
    rows = [support_row(q, orders[q.fold]) for q in questions]
    x, y = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    b = fit_support(x, y, x.std(0) + 1e-6)
    print("  order:   " + ", ".join(f"{n} {v:.2f}" for n, v in zip(names, order)))
    print(f"  support: constant {b[0]:.2f}, " +
          ", ".join(f"{n} {v:.2f}" for n, v in zip(names + ["gap", "lead"], b[1:])))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    fit(sys.argv[1:], any(s["meaning"] for s in (
        s for h in json.loads(open(sys.argv[1]).readline())["hits"] for s in h["sentences"])))
