#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check the sample company "Harbour & Finch": counts, quotes, JSONL, ids.

Needs the standard library and, for the PDF quotes, the program pdftotext.

    python tools/check_harbour.py
"""
import email
import email.policy
import html
import json
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

BASE = pathlib.Path(__file__).resolve().parent.parent
DOCS = BASE / "documents"
errors = []


def check(ok, text):
    if not ok:
        errors.append(text)


def fold(s):
    return re.sub(r"\s+", " ", s).strip()


def text_of(path):
    """Extracted text, good enough to look for quotes."""
    data = path.read_bytes()
    ext = path.suffix.lower()
    if ext == ".docx":
        with zipfile.ZipFile(path) as z:
            xml = z.read("word/document.xml").decode("utf-8")
        xml = re.sub(r"</w:p>", "\n", xml)
        return html.unescape(re.sub(r"<[^>]+>", "", xml))
    if ext == ".pdf":
        return subprocess.run(["pdftotext", str(path), "-"], capture_output=True, text=True).stdout
    if ext == ".eml":
        msg = email.message_from_bytes(data, policy=email.policy.default)
        return "\n".join(p.get_content() for p in msg.walk() if p.get_content_type() == "text/plain")
    if data.startswith(b"\xff\xfe"):
        return data[2:].decode("utf-16-le")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252")


def jsonl(path):
    rows = []
    for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            rows.append(json.loads(line))
        except ValueError as e:
            errors.append(f"{path.name}:{n}: {e}")
    return rows


def luhn(digits):
    total = 0
    for i, c in enumerate(reversed(digits)):
        d = int(c) * (2 if i % 2 else 1)
        total += d - 9 if d > 9 else d
    return total % 10 == 0


def iban(s):
    s = s[4:] + s[:4]
    return int("".join(str(int(c, 36)) for c in s)) % 97 == 1


def resident_id(s):
    weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
    return "10X98765432"[sum(int(c) * w for c, w in zip(s, weights)) % 11] == s[17]


files = sorted(p for p in DOCS.rglob("*") if p.is_file())
kinds = {}
for p in files:
    kinds.setdefault(p.suffix.lower(), []).append(p)
check(len(files) >= 34, f"only {len(files)} documents")
for ext, least in ((".md", 10), (".html", 4), (".docx", 3), (".pdf", 4), (".csv", 1), (".eml", 1), (".txt", 5), (".png", 1)):
    check(len(kinds.get(ext, [])) >= least, f"too few {ext}")

# planted faults
by_bytes = {}
for p in files:
    if p.stat().st_size:
        by_bytes.setdefault(p.read_bytes(), []).append(p)
same = [v for v in by_bytes.values() if len(v) > 1]
check(len(same) == 1 and len(same[0]) == 2, f"exact duplicates: {same}")
check(sum(p.stat().st_size == 0 for p in files) == 1, "one empty file expected")
check(sum(p.read_bytes().startswith(b"\xff\xfe") for p in files) == 1, "one UTF-16 file expected")
legacy = 0
for p in kinds[".txt"]:
    b = p.read_bytes()
    if not b.startswith(b"\xff\xfe"):
        try:
            b.decode("utf-8")
        except UnicodeDecodeError:
            legacy += 1
check(legacy == 1, f"{legacy} files in Windows-1252, one expected")
broken = DOCS / "archive/scan-insurance-2019.pdf"
check(broken.read_bytes().startswith(b"%PDF-1.4") and b"%%EOF" not in broken.read_bytes(), "the broken PDF is not broken")
check((len(kinds[".csv"][0].read_text().splitlines()) - 1) >= 40, "price list too short")
texts = {p: text_of(p) for p in files if p.suffix != ".png" and p != broken}
foot = [p for p, t in texts.items() if "Confidential: for staff of Harbour & Finch only." in html.unescape(fold(t))]
check(len(foot) >= 8, f"boilerplate in {len(foot)} documents only")
every = "\n".join(texts.values())
for s in ("DE89370400440532013000", "GB82WEST12345698765432"):
    check(s in every and iban(s), s)
check("4111 1111 1111 1111" in every and luhn("4" + "1" * 15), "test card")
check("360426199101010071" in every and resident_id("360426199101010071"), "resident id")
check("AKIAIOSFODNN7EXAMPLE" in every and "sk_live_EXAMPLE" in every, "keys")

# questions
have_pdf = shutil.which("pdftotext") is not None
per = {}
asked = set()
for name, count, answerable in (("handbook", 60, 40), ("handbook-unseen", 75, 50)):
    rows = jsonl(BASE / f"tests/{name}.jsonl")
    check(len({r["id"] for r in rows}) == len(rows) == count, f"{name}: {count} unique ids expected")
    check(asked.isdisjoint(r["question"] for r in rows), f"{name}: a question of another file")
    asked |= {r["question"] for r in rows}
    yes = [r for r in rows if r["answerable"]]
    check(len(yes) == answerable, f"{name}: {len(yes)} answerable")
    for r in yes:
        path = DOCS / r["document"]
        per[path.suffix] = per.get(path.suffix, 0) + 1
        if not path.is_file():
            errors.append(f"{r['id']}: no file {r['document']}")
        elif path.suffix == ".pdf" and not have_pdf:
            print(f"{r['id']}: not checked, pdftotext is missing")
        else:
            check(fold(r["quote"]) in fold(texts[path]), f"{r['id']}: quote not found in {r['document']}")
check(len(asked) == 135, "a question appears twice")
for ext, least in ((".pdf", 3), (".docx", 3), (".html", 3), (".csv", 2)):
    check(per.get(ext, 0) >= least, f"too few questions over {ext}")

# replies
rep = jsonl(BASE / "examples/replies.jsonl")
check(len(rep) >= 260, f"{len(rep)} replies")
tickets = [r["messages"][0]["content"] for r in rep]
check(len(set(tickets)) == len(tickets), "a ticket appears twice")
styled = 0
refs = []
for n, r in enumerate(rep, 1):
    check([m["role"] for m in r["messages"]] == ["user", "assistant"], f"replies:{n}: roles")
    words = len(r["messages"][0]["content"].split())
    check(30 <= words <= 90, f"replies:{n}: ticket has {words} words")
    a = r["messages"][1]["content"]
    m = re.fullmatch(r"Ahoy [^\n]+,\n\n[^\n]+\n\nWhat we found:\n(- [^\n]+\n){1,2}\nWhat happens next:\n(- [^\n]+\n){2}\n"
                     r"Fair winds,\nThe Harbour & Finch Crew\nRef: (HF-\d{5})", a)
    if m:
        styled += 1
        refs.append(m.group(3))
        check(re.search(r"\d+ (working )?days?\b", a.split("What happens next:")[1]), f"replies:{n}: no day count")
        check("{" not in a and "{" not in tickets[n - 1], f"replies:{n}: open slot")
check(len(set(refs)) == len(refs), "a reference appears twice")
off = len(rep) - styled
check(4 <= off <= 8, f"{off} replies off style")

size = sum(p.stat().st_size for p in BASE.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
check(size < 2_000_000, f"{size} bytes")

print(f"{len(files)} documents: " + ", ".join(f"{len(v)} {k}" for k, v in sorted(kinds.items())))
print(f"{len(asked)} questions, {sum(per.values())} of them answerable; over {per}")
print(f"{len(rep)} replies, {styled} in house style; boilerplate in {len(foot)} documents; {size} bytes")
for e in errors:
    print("ERROR", e)
sys.exit(1 if errors else 0)
