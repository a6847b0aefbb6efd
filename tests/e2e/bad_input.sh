#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Bad input ends in a clear error and loses nothing: a huge file, a bomb, a folder nobody may read, a full disk, a used port,
# damaged model files.
# Usage: bad_input.sh CAIRN REPOSITORY
set -euo pipefail
cairn=$1
work=$(mktemp -d)
mounted=""
cleanup() { [ -z "$mounted" ] || umount "$mounted" 2>/dev/null || true; chmod -R u+rwX "$work"; rm -rf "$work"; }
trap cleanup EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }
ok() { echo "ok: $*"; }

"$cairn" init "$work/company" >/dev/null
cd "$work/company"
printf '# Leave\n\nEveryone has 27 days of leave a year.\n' >documents/leave.md

# A 2 GB text file is refused by its size, without being read.
truncate -s 2G documents/huge.txt
# A DOCX whose one member unpacks to 1 GB.
mkdir bomb && (cd bomb && mkdir word && head -c 1G /dev/zero >word/document.xml && printf '<Types/>' >'[Content_Types].xml')
node -e '
const fs=require("fs"),zlib=require("zlib");
const files=[["[Content_Types].xml",fs.readFileSync("bomb/[Content_Types].xml")],["word/document.xml",fs.readFileSync("bomb/word/document.xml")]];
const parts=[];const central=[];let at=0;
const crcTable=Array.from({length:256},(_, n)=>{for(let k=0;k<8;k++)n=n&1?0xEDB88320^(n>>>1):n>>>1;return n>>>0});
const crc=b=>{let c=~0;for(let i=0;i<b.length;i++)c=crcTable[(c^b[i])&255]^(c>>>8);return ~c>>>0};
for(const [name,data] of files){const packed=zlib.deflateRawSync(data,{level:9});const h=Buffer.alloc(30);h.writeUInt32LE(0x04034b50,0);h.writeUInt16LE(20,4);h.writeUInt16LE(8,8);
const c=crc(data);h.writeUInt32LE(c,14);h.writeUInt32LE(packed.length,18);h.writeUInt32LE(data.length,22);h.writeUInt16LE(name.length,26);
parts.push(h,Buffer.from(name),packed);const e=Buffer.alloc(46);e.writeUInt32LE(0x02014b50,0);e.writeUInt16LE(20,4);e.writeUInt16LE(20,6);e.writeUInt16LE(8,10);e.writeUInt32LE(c,16);
e.writeUInt32LE(packed.length,20);e.writeUInt32LE(data.length,24);e.writeUInt16LE(name.length,28);e.writeUInt32LE(at,42);central.push(e,Buffer.from(name));at+=30+name.length+packed.length}
const dir=Buffer.concat(central);const end=Buffer.alloc(22);end.writeUInt32LE(0x06054b50,0);end.writeUInt16LE(files.length,8);end.writeUInt16LE(files.length,10);end.writeUInt32LE(dir.length,12);end.writeUInt32LE(at,16);
fs.writeFileSync("documents/bomb.docx",Buffer.concat([...parts,dir,end]));'
rm -rf bomb
mkdir documents/secret && echo hidden >documents/secret/plan.md && chmod 000 documents/secret
# Root may read everything: as root, ingest as the user "nobody".
as_user=""
if [ "$(id -u)" = 0 ]; then
  as_user="setpriv --reuid=65534 --regid=65534 --clear-groups"
  chmod 755 "$work" && chown -R 65534:65534 "$work/company"
  $as_user "$cairn" --version >/dev/null 2>&1 || as_user=""
fi
begin=$(date +%s)
$as_user "$cairn" ingest --quiet --json >ingest.json || fail "ingest gave up over bad files: $(cat ingest.json)"
[ $(($(date +%s) - begin)) -le 60 ] || fail "ingest took longer than a minute over bad files"
files=$("$cairn" documents --json)
state() { node -e 'const d=JSON.parse(process.argv[1]).find(x=>x.path===process.argv[2]);console.log(d?d.state+": "+d.reason:"lost")' "$files" "$1"; }
state leave.md | grep -q '^done' || fail "leave.md: $(state leave.md)"
state huge.txt | grep -Eq '^(failed|skipped): .*(limit|larger)' || fail "huge.txt: $(state huge.txt)"
state bomb.docx | grep -Eq '^(failed|skipped): .+' || fail "bomb.docx: $(state bomb.docx)"
ok "huge.txt $(state huge.txt)"
ok "bomb.docx $(state bomb.docx)"
if [ "$(id -u)" != 0 ] || [ -n "$as_user" ]; then
  node -e 'process.exit(JSON.parse(process.argv[1]).some(d=>d.path.startsWith("secret")&&d.state==="failed"&&d.reason)?0:1)' "$files" || fail "the unreadable folder was lost: $files"
  ok "a folder without permission is reported"
else
  echo "SKIPPED: a folder without permission (root may read everything, and the user nobody may not run the binary)"
fi
chmod 755 documents/secret

# A full disk during ingest: a clear error, and the next run with room goes on.
mkdir "$work/small"
if mount -t tmpfs -o size=1m tmpfs "$work/small" 2>/dev/null; then
  mounted="$work/small"
  "$cairn" init "$work/small/company" --documents "$work/company/documents" >/dev/null
  for i in $(seq 400); do printf '# Note %s\n\n%s\n' "$i" "$(head -c 4000 /dev/urandom | base64)" >"$work/company/documents/note-$i.md"; done
  status=0
  "$cairn" -w "$work/small/company" ingest --quiet >full.out 2>&1 || status=$?
  [ "$status" = 1 ] || fail "a full disk gave exit code $status: $(cat full.out)"
  grep -qi 'disk\|space' full.out || fail "a full disk is not named: $(cat full.out)"
  mount -o remount,size=64m "$work/small"
  "$cairn" -w "$work/small/company" ingest --quiet >/dev/null || fail "ingest did not go on after the disk had room again"
  ok "a full disk: $(head -1 full.out)"
else
  echo "SKIPPED: a full disk (this user may not mount)"
fi

# Model files that are damaged or hostile.
head -c 100 /dev/urandom >noise.gguf
printf 'GGUF\003\000\000\000\377\377\377\377\377\377\377\177\377\377\377\377\377\377\377\177' >hostile.gguf
"$cairn" models list --json >/dev/null
for file in noise.gguf hostile.gguf missing.gguf; do
  status=0
  "$cairn" models show "$file" >model.out 2>&1 || status=$?
  [ "$status" = 1 ] || fail "$file: exit code $status"
  ok "$file: $(head -1 model.out)"
done

# A port in use, and a workspace that is not there.
node -e 'require("net").createServer().listen(0,"127.0.0.1",function(){console.log(this.address().port)})' >port &
holder=$!
for _ in $(seq 50); do [ -s port ] && break; sleep 0.1; done
status=0
"$cairn" serve --port "$(cat port)" >serve.out 2>&1 || status=$?
kill "$holder"
[ "$status" = 1 ] || fail "a used port: exit code $status"
grep -q -- --port serve.out || fail "a used port: $(cat serve.out)"
ok "a used port: $(grep cairn: serve.out | head -1)"
status=0
(cd / && "$cairn" status >"$work/none.out" 2>&1) || status=$?
[ "$status" = 1 ] && grep -q 'cairn init' "$work/none.out" || fail "no workspace: $(cat "$work/none.out")"
ok "no workspace: $(head -1 "$work/none.out")"
status=0
"$cairn" up --no-such-option >/dev/null 2>&1 || status=$?
[ "$status" = 2 ] || fail "an unknown option: exit code $status"
ok "an unknown option is a usage error"
