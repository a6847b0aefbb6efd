// SPDX-License-Identifier: Apache-2.0
// The tables of this room. A released migration is never edited; a change is a new one.
#include <array>

#include "cairn/data/ingest.h"

namespace cairn::data {
namespace {

constexpr std::array<store::Migration, 3> kMigrations = {{
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
    {2, R"sql(
CREATE TABLE clean_documents (
  id TEXT PRIMARY KEY,
  source TEXT NOT NULL,
  path TEXT NOT NULL,
  text_digest TEXT NOT NULL,
  map_digest TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE changes (
  source TEXT NOT NULL,
  position INTEGER NOT NULL,
  id TEXT NOT NULL,
  document TEXT NOT NULL,
  path TEXT NOT NULL,
  kind TEXT NOT NULL,
  span_begin INTEGER NOT NULL,
  span_end INTEGER NOT NULL,
  before_digest TEXT NOT NULL,
  after TEXT NOT NULL,
  reason TEXT NOT NULL,
  other TEXT NOT NULL,
  PRIMARY KEY (source, position)
) WITHOUT ROWID;
CREATE INDEX changes_document ON changes (document);
CREATE INDEX changes_id ON changes (id);
CREATE TABLE reverted_changes (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE pseudonyms (name TEXT PRIMARY KEY, kind TEXT NOT NULL, value TEXT NOT NULL);
CREATE TABLE cleaned_sources (source TEXT PRIMARY KEY) WITHOUT ROWID;
)sql"},
    {3, "ALTER TABLE documents ADD COLUMN characters INTEGER NOT NULL DEFAULT 0;"},
}};

}  // namespace

Status migrate_data(store::Store& store) {
    return store::migrate(store.database(), "data", kMigrations);
}

}  // namespace cairn::data
