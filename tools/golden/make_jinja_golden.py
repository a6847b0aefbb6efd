# SPDX-License-Identifier: Apache-2.0
"""What jinja2 under transformers' settings makes of templates: pip install jinja2 transformers.

tools/golden/make_jinja_golden.py [FOLDER OF TEMPLATES]
writes src/text/testdata/jinja/units.json (small templates with their whole text; an error is null) and, with a
folder of published templates, digests.json: per template one word per conversation, the first 16 digits of the
text's SHA-256, or "error".
"""
import datetime
import hashlib
import json
import pathlib
import sys

import transformers.utils.chat_template_utils as chat

import jinja_units

ROOT = pathlib.Path(__file__).resolve().parents[2] / "src/text/testdata/jinja"
NOW = datetime.datetime(2026, 11, 23, 14, 5, 9)  # the tests render at this second, UTC


class FixedTime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


chat.datetime = FixedTime


def render(template, context):
    try:
        return chat._compile_jinja_template(template).render(**context)
    except RecursionError:
        return None
    except Exception:
        return None


def write(name, value):
    (ROOT / name).write_text(json.dumps(value, ensure_ascii=False, indent=0, sort_keys=False) + "\n", encoding="utf-8")


units = [{"group": group, "template": template, "text": render(template, jinja_units.CONTEXT)}
         for group, templates in jinja_units.GROUPS.items() for template in templates]
write("units.json", {"context": jinja_units.CONTEXT, "units": units})
print(len(units), "units,", sum(unit["text"] is None for unit in units), "of them errors")

if len(sys.argv) > 1:
    conversations = json.loads((ROOT / "conversations.json").read_text(encoding="utf-8"))
    digests = {}
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.jinja")):
        template = path.read_text(encoding="utf-8")
        row = []
        for conversation in conversations:
            text = render(template, {"bos_token": "<BOS>", "eos_token": "<EOS>", **conversation["context"]})
            row.append("error" if text is None else hashlib.sha256(text.encode()).hexdigest()[:16])
        digests[path.name] = " ".join(row)
    write("digests.json", digests)
    print(len(digests), "templates x", len(conversations), "conversations,",
          sum(row.split().count("error") for row in digests.values()), "errors")
