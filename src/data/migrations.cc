// SPDX-License-Identifier: Apache-2.0
// The tables of this room. A released migration is never edited; a change is a new one.
#include <array>

#include "cairn/data/ingest.h"

namespace cairn::data {
namespace {

constexpr std::array<store::Migration, 1> kMigrations = {{
    {1, R"sql(
CREATE TABLE documents (
  source TEXT NOT NULL,
  path TEXT NOT NULL,
  id TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL CHECK (state IN ('done', 'skipped', 'failed', 'removed')),
  reason TEXT NOT NULL DEFAULT '',
  media_type TEXT NOT NULL DEFAULT '',
  title TEXT NOT NULL DEFAULT '',
  language TEXT NOT NULL DEFAULT '',
  encoding TEXT NOT NULL DEFAULT '',
  size INTEGER NOT NULL DEFAULT 0,
  modified_ns INTEGER NOT NULL DEFAULT 0,
  file_digest TEXT NOT NULL DEFAULT '',
  text_digest TEXT NOT NULL DEFAULT '',
  words INTEGER NOT NULL DEFAULT 0,
  pages INTEGER NOT NULL DEFAULT 0,
  readers INTEGER NOT NULL,
  PRIMARY KEY (source, path)
) WITHOUT ROWID;
)sql"},
}};

}  // namespace

Status migrate_data(store::Store& store) {
    return store::migrate(store.database(), "data", kMigrations);
}

}  // namespace cairn::data
