#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 at random moments of `cairn up`, each followed by another `cairn up`: the digests must equal those of an undisturbed
# run, and no step that was reported done may be done again.
# Usage: kill_up.sh CAIRN REPOSITORY [KILLS] [SEED]
set -euo pipefail
cairn=$1 repository=$2 kills=${3:-20} seed=${4:-1}
RANDOM=$seed
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$repository/examples/harbour" "$work/calm"
cp -r "$repository/examples/harbour" "$work/killed"
# The same files must have the same times: they are part of what decides whether there is anything to do.
find "$work" -exec touch -d 2026-01-02 {} +

digests() { "$cairn" -w "$1" up --json --quiet | node -e 'let t="";process.stdin.on("data",d=>t+=d).on("end",()=>{for(const s of JSON.parse(t))console.log(s.step,s.scenario,s.digest)})'; }

begin=$(date +%s%N)
digests "$work/calm" >"$work/calm.digests"
total_ms=$(( ($(date +%s%N) - begin) / 1000000 ))
echo "undisturbed: $total_ms ms, $(wc -l <"$work/calm.digests") steps"

done_kills=0
for i in $(seq "$kills"); do
  # Moments are spread over the whole walk, wherever the former kill left it.
  delay_ms=$(( (RANDOM * 32768 + RANDOM) % (total_ms / 3 + 1) ))
  "$cairn" -w "$work/killed" up --quiet >/dev/null 2>&1 &
  pid=$!
  sleep "$(printf '%d.%03d' $((delay_ms / 1000)) $((delay_ms % 1000)))"
  if kill -9 "$pid" 2>/dev/null; then done_kills=$((done_kills + 1)); fi
  wait "$pid" 2>/dev/null || true
done
digests "$work/killed" >"$work/killed.digests"
echo "killed $done_kills times"
diff "$work/calm.digests" "$work/killed.digests" || { echo "FAILED: other digests after kills" >&2; exit 1; }
# runs.state: 0 running, 1 done, 2 failed.
[ "$(sqlite3 "$work/killed/.cairn/cairn.db" "SELECT count(*) FROM runs WHERE state = 1")" -ge "$(wc -l <"$work/calm.digests")" ] ||
  { echo "FAILED: the runs of the walk are not recorded as done" >&2; exit 1; }
redone=$(sqlite3 "$work/killed/.cairn/cairn.db" \
  "SELECT step || ' ' || scenario || ': ' || count(*) FROM runs WHERE state = 1 GROUP BY step, scenario, input_digest HAVING count(*) > 1")
[ -z "$redone" ] || { echo "FAILED: done steps were done again: $redone" >&2; exit 1; }
[ "$done_kills" -gt 0 ] || { echo "FAILED: no kill hit a running process" >&2; exit 1; }
echo "same digests, nothing done twice"
