#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The commands of `cairn models` on small models: import, list, show, verify, plan, quantize, compare, convert, adapter, rm,
# by file, by stored name and by the words of cairn.toml; and a chat with a model that no workspace knows.
# Usage: models.sh CAIRN REPOSITORY
set -euo pipefail
cairn=$1
data=$2/src/engine/testdata
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CAIRN_MODELS=$work/store
cd "$work"
fail() { echo "FAILED: $*" >&2; exit 1; }
ok() { echo "ok: $*"; }
# json FILE EXPRESSION: prints what the expression makes of the parsed file `j`.
json() { node -e 'const j=JSON.parse(require("fs").readFileSync(process.argv[1]));console.log(eval(process.argv[2]))' "$1" "$2"; }
is() { local found; found=$(json "$1" "$2"); [ "$found" = "$3" ] || fail "$2 of $1: expected $3, found $found"; }
refused() { local words=$1; shift; if "$@" >out.txt 2>&1; then fail "was not refused: $*"; fi; grep -q -- "$words" out.txt || fail "'$words' is not in: $(cat out.txt)"; }

cp "$2/models/pebble.gguf" base.gguf
"$cairn" models import base.gguf --name small --json >imported.json
is imported.json j.id small
"$cairn" models import "$data/encoder_bert" --name ranker >/dev/null
"$cairn" models list --json >list.json
is list.json 'j.map(m=>m.name+":"+m.kind).sort().join(" ")' "pebble:chat ranker:reranker small:chat"
for name in small model:small base.gguf file:base.gguf; do
  "$cairn" models show "$name" --json >show.json
  is show.json 'j.kind+" "+j.architecture' "chat llama"
done
"$cairn" models show ranker --json >show.json
is show.json 'j.kind+" "+j.labels.length' "reranker 1"
refused "does not exist" "$cairn" models show ./absent.gguf
ok "models are listed and shown with their kind, by every name"

sum=$(sha256sum base.gguf | cut -d' ' -f1)
"$cairn" -q models verify small >/dev/null
"$cairn" -q models verify base.gguf --sha256 "$sum" | grep -q "$sum" || fail "the checksum is not shown"
refused "expected SHA-256" "$cairn" -q models verify base.gguf --sha256 0000
printf 'x' | dd of="$work/store/small/files/base.gguf" bs=1 seek=5000000 conv=notrunc status=none
refused "DAMAGED" "$cairn" -q models verify small
"$cairn" models rm small >/dev/null
"$cairn" -q models import base.gguf --name small >/dev/null
ok "damage is noticed, outside of the store too"

"$cairn" models plan small --json >plan.json
is plan.json 'j.context<=j.model.context && j.rows[0].type=="as stored"' true
is plan.json 'j.rows.slice(1).every(r=>r.weight_bytes<j.rows[0].weight_bytes)' true
is plan.json j.efficiency.of_this_model true
ok "a plan proposes no more bits and positions than the model has"

printf '# Leave\n\nEveryone has 27 days of leave a year. Leave is asked for in writing, two weeks before it begins.\n%.0s' $(seq 40) >text.md
"$cairn" -q models quantize model:small fine.gguf --type Q6_K --imatrix text.md --text text.md --tokens 500 --chunk 128 --report page.html --json >fine.json
"$cairn" -q models quantize small coarse.gguf --type Q2_K --pure --text text.md --tokens 500 --chunk 128 --json >coarse.json
is fine.json 'j.bytes_after<j.bytes_before && j.bits_per_weight<7.5' true
is coarse.json 'j.bytes_after<j.bytes_before && j.bits_per_weight<4.6' true
grep -q "mean KL" page.html || fail "the report has no table"
[ "$(json fine.json 'j.quality.mean_kl>=0 && j.quality.mean_kl<0.05')" = true ] || fail "Q6_K changed the model: $(json fine.json j.quality.mean_kl)"
[ "$(json coarse.json j.quality.mean_kl)" != "$(json fine.json j.quality.mean_kl)" ] || fail "Q2_K and Q6_K are the same"
node -e 'const q=f=>JSON.parse(require("fs").readFileSync(f)).quality.mean_kl;process.exit(q("coarse.json")>2*q("fine.json")?0:1)' || fail "two bits cost no more than six"
"$cairn" -q models compare small coarse.gguf --text text.md --tokens 500 --chunk 128 --json >compared.json
is compared.json j.mean_kl "$(json coarse.json j.quality.mean_kl)"
"$cairn" -q models compare small base.gguf --text text.md --tokens 500 --chunk 128 --json >same.json
is same.json 'j.mean_kl+" "+j.same_top_1' "0 1"
refused "expected a type of" "$cairn" models quantize small x.gguf --type Q9
refused "found the model itself" "$cairn" models quantize base.gguf base.gguf
ok "quantize and compare measure the same, and coarser types cost more"

"$cairn" models convert "$data/arch/llama3" converted.gguf >/dev/null
"$cairn" models show converted.gguf --json >converted.json
"$cairn" models show "$data/arch/llama3" --json >folder.json
is converted.json 'j.architecture+" "+j.parameters+" "+j.vocabulary' "$(json folder.json 'j.architecture+" "+j.parameters+" "+j.vocabulary')"
"$cairn" -q models compare "$data/arch/llama3" converted.gguf --text text.md --tokens 100 --chunk 32 --json >same.json
[ "$(json same.json 'Math.abs(j.mean_kl)<1e-6 && j.same_top_1==1')" = true ] || fail "the converted model is another: $(cat same.json)"
ok "a converted folder is the same model"

"$cairn" models adapter "$data/peft/default" adapter.gguf --model "$data/llama_untied.gguf" --json >adapter.json
"$cairn" models adapter adapter.gguf back --model "$data/llama_untied.gguf" >/dev/null
"$cairn" models adapter back again.gguf --model "$data/llama_untied.gguf" --json >again.json
is again.json 'j.matrices+" "+j.rank' "$(json adapter.json 'j.matrices+" "+j.rank')"
cmp adapter.gguf again.gguf || fail "an adapter changed on its way to PEFT and back"
"$cairn" models show adapter.gguf --json >show.json
is show.json 'j.kind+" "+j.rank' "adapter $(json adapter.json j.rank)"
refused "" "$cairn" models adapter "$data/peft/default" x.gguf --model base.gguf
ok "an adapter goes to PEFT and back unchanged"

printf 'Hello\n/new\nHello\n' | "$cairn" --threads 1 chat small --max-tokens 8 --system "Be brief." >first.txt 2>notes.txt
[ "$(sed -n 1p first.txt)" = "$(sed -n 2p first.txt)" ] || fail "/new did not forget: $(cat first.txt)"
[ -s first.txt ] || fail "the model said nothing"
refused "there is no cairn.toml\|cairn init" "$cairn" chat
ok "any model on disk can be talked to"
