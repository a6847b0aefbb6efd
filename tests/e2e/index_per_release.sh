#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The index belongs to the release: a refused gate keeps answering from the old text, a release brings the new one, a roll-back the
# old one again, also when `cairn up` was killed after indexing; the console's text follows the release.
# Usage: index_per_release.sh CAIRN
set -euo pipefail
cairn=$1
work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
mkdir documents
fail() { echo "FAILED: $*" >&2; exit 1; }

policy() { # DAYS CARRIED
  printf '# Leave policy\n\n## Annual leave\n\nEvery full-time employee has %s working days of paid annual leave.\n\n## Sickness\n\nA doctor'"'"'s note is needed from the fourth day.\n' "$1" >documents/leave.md
}
for i in 1 2 3 4 5 6; do printf '# Boat %s\n\nThe boat number %s lies at the north pier and has a green hull.\n' "$i" "$i" >"documents/boat-$i.md"; done
policy 27
cat >cairn.toml <<'T'
[workspace]
name = "Pier"
[model]
base = "pebble"
[[source]]
name = "documents"
path = "documents"
[[scenario]]
name = "handbook"
kind = "qa"
sources = ["documents"]
test = "questions.jsonl"
gate = { wrong_max = 0.05, recall_min = 0.85 }
T
# Forty times the same question: enough evidence for any verdict.
questions() { # GOLD-DAYS
  for i in $(seq 40); do
    printf '{"id": "q%s", "question": "How many working days of paid annual leave does a full-time employee have (%s)?", "answer": "%s working days", "quote": "Every full-time employee has %s working days of paid annual leave.", "document": "leave.md", "answerable": true}\n' "$i" "$i" "$1" "$1"
  done >questions.jsonl
}
questions 27
# An answer, not a refusal that shows the passage.
ask() { "$cairn" ask "How many working days of paid annual leave does a full-time employee have?" | grep "^The documents say"; }
live() { "$cairn" release handbook --list --json | node -e 'let t="";process.stdin.on("data",d=>t+=d).on("end",()=>{const r=JSON.parse(t).find(r=>r.live);console.log(r.id,r.index_digest)})'; }
indexes() { find .cairn/index -name '*.index' | wc -l; }

"$cairn" up --quiet >/dev/null
ask | grep -q "27 working days" || fail "the first release does not answer: $(ask)"
first=$(live)

# A change whose answers are wrong by the test questions: the gate refuses, nothing may change.
policy 30
if "$cairn" up --quiet >/dev/null 2>&1; then fail "the gate let wrong answers through"; fi
"$cairn" status | grep -q "^release *handbook *failed" || fail "the status after a refused gate: $("$cairn" status 2>&1)"
ask | grep -q "27 working days" || fail "a refused gate changed the answers: $(ask)"
[ "$(live)" = "$first" ] || fail "a refused gate changed the live release"
[ "$(indexes)" = 2 ] || fail "expected the live index and the newest one, found $(indexes)"

# Another change: the refused index goes, the live one stays. Killed after the index was made, too.
policy 31
"$cairn" up --quiet >/dev/null 2>&1 & pid=$!
for _ in $(seq 500); do [ "$(sqlite3 .cairn/cairn.db "SELECT count(*) FROM runs WHERE step = 'index' AND state = 1")" = 3 ] && break; sleep 0.02; done
kill -9 "$pid" 2>/dev/null || true
wait "$pid" 2>/dev/null || true
ask | grep -q "27 working days" || fail "a killed walk changed the answers: $(ask)"
[ "$(indexes)" = 2 ] || fail "expected two indexes after a third was made, found $(indexes)"

# The test questions agree with the new text: released.
questions 31
"$cairn" up --quiet >/dev/null
ask | grep -q "31 working days" || fail "the new release answers from an old index: $(ask)"
second=$(live)
[ "${second#* }" != "${first#* }" ] || fail "two texts with one index"

# A lost file is made anew, with the same name.
rm ".cairn/index/${second#* }.index"
if ask >/dev/null 2>&1; then fail "answered without an index"; fi
"$cairn" up --quiet >/dev/null
ask | grep -q "31 working days" || fail "the index was not made anew: $(ask)"

"$cairn" serve --port 0 --port-file port >/dev/null 2>&1 & server=$!
for _ in $(seq 300); do [ -s port ] && break; sleep 0.1; done
key=$("$cairn" keys add --tenant pier --admin --json | sed -n 's/.*"key": "\(ck_[^"]*\)".*/\1/p')
served() {
  curl -fsS "http://127.0.0.1:$(cat port)/v1/chat/completions" -H "Authorization: Bearer $key" -H 'Content-Type: application/json' \
    -d '{"model": "handbook", "messages": [{"role": "user", "content": "How many working days of paid annual leave does a full-time employee have?"}]}'
}
served | grep -q "31 working days" || fail "the server does not answer from the live index"
"$cairn" release handbook --back >/dev/null
[ "$(live)" = "$first" ] || fail "the roll-back did not bring the first release"
ask | grep -q "27 working days" || fail "the roll-back did not bring the old index: $(ask)"
for _ in $(seq 50); do served | grep -q "27 working days" && break; sleep 0.1; done
answer=$(served)
grep -q "27 working days" <<<"$answer" || fail "the server did not roll back: $answer"
id=$(sed -n 's/.*"document": *"\(d_[0-9a-f]*\)".*/\1/p' <<<"$answer")
text() { curl -fsS "http://127.0.0.1:$(cat port)/api/documents/$id?release=$1" -H "Authorization: Bearer $key"; }
text "${first% *}" | grep -q "27 working days" || fail "the source of the live answer is not shown as it was"
text "${second% *}" | grep -q "31 working days" || fail "the source of the other release is not shown as it was"
text "" | grep -q "31 working days" || fail "without a release the newest text is shown"
kill "$server"; wait "$server" 2>/dev/null || true

# `cairn up` leaves a roll-back alone; asking for the release undoes it; nothing goes back to what cannot answer.
"$cairn" up --quiet >/dev/null
[ "$(live)" = "$first" ] || fail "\`cairn up\` undid a roll-back"
"$cairn" release handbook >/dev/null
[ "$(live)" = "$second" ] || fail "\`cairn release\` did not bring the release back"
rm ".cairn/index/${first#* }.index"
if "$cairn" release handbook --back >/dev/null 2>&1; then fail "went back to a release without its index"; fi
[ "$(live)" = "$second" ] || fail "a refused roll-back changed what is live"
echo "the index follows the release"
