// SPDX-License-Identifier: Apache-2.0
// The label queue's table and transitions: see label.h.
#include "cairn/data/label.h"

#include <array>

#include "cairn/base/clock.h"

namespace cairn::data {

namespace {

constexpr std::array<store::Migration, 1> kMigrations = {{
    {1, R"(
        CREATE TABLE label_items(
            id TEXT PRIMARY KEY, scenario TEXT NOT NULL, question TEXT NOT NULL,
            answer TEXT NOT NULL, quote TEXT NOT NULL, document TEXT NOT NULL,
            answerable INTEGER NOT NULL,
            state TEXT NOT NULL DEFAULT 'open', annotator TEXT NOT NULL DEFAULT '',
            decided_ms INTEGER NOT NULL DEFAULT 0) STRICT;
        CREATE INDEX label_items_state ON label_items(scenario, state, id);
    )"},
}};

constexpr const char* kSelect =
    "SELECT id, scenario, question, answer, quote, document, answerable, state, annotator, "
    "decided_ms "
    "FROM label_items ";

LabelState state_of(std::string_view name) {
    for (const auto state : {LabelState::kAccepted, LabelState::kFixed, LabelState::kRejected}) {
        if (label_state_name(state) == name) return state;
    }
    return LabelState::kOpen;
}

LabelItem read_item(const store::Statement& row) {
    LabelItem item;
    item.id = row.text(0);
    item.scenario = row.text(1);
    item.question = row.text(2);
    item.answer = row.text(3);
    item.quote = row.text(4);
    item.document = row.text(5);
    item.answerable = row.integer(6) != 0;
    item.state = state_of(row.view(7));
    item.annotator = row.text(8);
    item.decided_ms = row.integer(9);
    return item;
}

Error unknown_item(std::string_view id) {
    return make_error(Code::kNotFound, "no label item has the id '" + std::string(id) + "'",
                      "see `cairn label list`");
}

}  // namespace

std::string_view label_state_name(LabelState state) {
    switch (state) {
        case LabelState::kOpen:
            return "open";
        case LabelState::kAccepted:
            return "accepted";
        case LabelState::kFixed:
            return "fixed";
        case LabelState::kRejected:
            return "rejected";
    }
    return "open";
}

Result<LabelQueue> LabelQueue::open(store::Database& database) {
    CAIRN_TRY(store::migrate(database, "label", kMigrations));
    return LabelQueue(database);
}

Result<int> LabelQueue::add(std::span<const LabelItem> items) {
    auto transaction = CAIRN_TRY(store::Transaction::begin(*database_));
    int added = 0;
    for (const LabelItem& item : items) {
        CAIRN_TRY(database_->exec(
            "INSERT OR IGNORE INTO label_items(id, scenario, question, answer, quote, document, "
            "answerable) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            item.id, item.scenario, item.question, item.answer, item.quote, item.document,
            item.answerable));
        added += static_cast<int>(database_->changed_rows());
    }
    CAIRN_TRY(transaction.commit());
    return added;
}

Result<std::optional<LabelItem>> LabelQueue::next(std::string_view scenario) {
    auto rows = CAIRN_TRY(database_->query(
        std::string(kSelect) + "WHERE scenario = ?1 AND state = 'open' ORDER BY id LIMIT 1",
        scenario));
    if (!CAIRN_TRY(rows.step())) return std::optional<LabelItem>();
    return std::optional<LabelItem>(read_item(rows));
}

Status LabelQueue::decide(std::string_view id, LabelState state, std::string_view annotator) {
    CAIRN_TRY(database_->exec(
        "UPDATE label_items SET state = ?2, annotator = ?3, decided_ms = ?4 WHERE id = ?1", id,
        label_state_name(state), annotator, utc_ms()));
    if (database_->changed_rows() == 0) return unknown_item(id);
    return {};
}

Status LabelQueue::accept(std::string_view id, std::string_view annotator) {
    return decide(id, LabelState::kAccepted, annotator);
}

Status LabelQueue::reject(std::string_view id, std::string_view annotator) {
    return decide(id, LabelState::kRejected, annotator);
}

Status LabelQueue::fix(const LabelItem& corrected, std::string_view annotator) {
    if (corrected.question.empty() || (corrected.answerable && corrected.quote.empty())) {
        return make_error(Code::kInvalid, "expected a question, and a quote when it is answerable",
                          "reject the item when there is nothing to keep");
    }
    auto transaction = CAIRN_TRY(store::Transaction::begin(*database_));
    CAIRN_TRY(database_->exec(
        "UPDATE label_items SET question = ?2, answer = ?3, quote = ?4, answerable = ?5 WHERE id = "
        "?1",
        corrected.id, corrected.question, corrected.answer, corrected.quote, corrected.answerable));
    CAIRN_TRY(decide(corrected.id, LabelState::kFixed, annotator));
    return transaction.commit();
}

Result<LabelCounts> LabelQueue::counts(std::string_view scenario) {
    auto rows = CAIRN_TRY(database_->query(
        "SELECT state, count(*) FROM label_items WHERE scenario = ?1 GROUP BY state", scenario));
    LabelCounts counts;
    while (CAIRN_TRY(rows.step())) {
        const std::int64_t count = rows.integer(1);
        switch (state_of(rows.view(0))) {
            case LabelState::kOpen:
                counts.open = count;
                break;
            case LabelState::kAccepted:
                counts.accepted = count;
                break;
            case LabelState::kFixed:
                counts.fixed = count;
                break;
            case LabelState::kRejected:
                counts.rejected = count;
                break;
        }
    }
    return counts;
}

Result<std::vector<LabelItem>> LabelQueue::accepted(std::string_view scenario) {
    auto rows = CAIRN_TRY(database_->query(
        std::string(kSelect) + "WHERE scenario = ?1 AND state IN ('accepted', 'fixed') ORDER BY id",
        scenario));
    std::vector<LabelItem> items;
    while (CAIRN_TRY(rows.step())) {
        items.push_back(read_item(rows));
    }
    return items;
}

}  // namespace cairn::data
