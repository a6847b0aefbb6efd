// SPDX-License-Identifier: Apache-2.0
// Puts the cleaning steps together: all edits are expressed on the original text, overlaps are
// settled by rank, and each text is written once.
#include "cairn/data/clean.h"

#include <algorithm>
#include <map>

#include "cairn/base/hash.h"
#include "cairn/data/personal_data.h"
#include "person_names.h"
#include "text_edits.h"

namespace cairn::data {
namespace {

/// Hands out pseudonyms in the order in which values first appear.
class Pseudonyms {
  public:
    const std::string& of(const PersonalDataHit& hit, std::string_view value) {
        auto [entry, fresh] = names_.try_emplace({hit.kind, hit.key});
        if (fresh) {
            entry->second = "[" + hit.kind + "_" + std::to_string(++counts_[hit.kind]) + "]";
            list_.push_back({entry->second, hit.kind, std::string(value)});
        }
        return entry->second;
    }
    std::vector<Pseudonym> take() { return std::move(list_); }

  private:
    std::map<std::pair<std::string, std::string>, std::string> names_;
    std::map<std::string, int> counts_;
    std::vector<Pseudonym> list_;
};

/// Places that are taken, to keep edits apart.
class Taken {
  public:
    void take(const text::Span& span) { ends_[span.end] = span.begin; }
    bool is_free(const text::Span& span) const {
        auto next = ends_.upper_bound(span.begin);
        return next == ends_.end() || next->second >= span.end;
    }

  private:
    std::map<std::int64_t, std::int64_t> ends_;  ///< end -> begin
};

class Cleaner {
  public:
    Cleaner(const std::vector<text::Document>& documents,
            const std::vector<std::int64_t>& modified_ns, const CleanOptions& options)
        : documents_(documents), modified_ns_(modified_ns), options_(options) {}

    CleanResult run() {
        for (const text::Document& document : documents_) {
            unicode_.push_back(options_.unicode ? unicode_edits(document.text)
                                                : std::vector<Edit>());
            texts_.push_back(apply_edits(document.text, unicode_.back()));
        }
        learn_names();
        find_who_stays();
        boilerplate_ = find_boilerplate(documents_, texts_, stays_);
        result_.contradictions = find_contradictions(documents_, texts_, boilerplate_);
        for (std::size_t i = 0; i < documents_.size(); ++i) {
            clean_one(i);
        }
        result_.pseudonyms = pseudonyms_.take();
        Sha256 digest;
        for (const CleanDocument& clean : result_.documents) {
            digest.field(clean.document.id).field(clean.document.text);
        }
        result_.digest = digest.hex();
        return std::move(result_);
    }

  private:
    /// Names are looked for in the source that announces them only.
    void learn_names() {
        std::map<std::string, std::vector<std::string_view>> sources;
        for (std::size_t i = 0; options_.names && i < documents_.size(); ++i) {
            sources[documents_[i].source].push_back(texts_[i].text);
        }
        for (const auto& [source, texts] : sources) {
            names_.emplace(source, PersonNames(texts));
        }
    }

    void find_who_stays() {
        stays_.assign(documents_.size(), true);
        if (!options_.duplicates) {
            return;
        }
        for (LeftOut& one : find_left_out(documents_, texts_, modified_ns_)) {
            std::size_t i = one.document;
            text::Span whole{0, static_cast<std::int64_t>(documents_[i].text.size())};
            counts_.clear();
            Change change = make_change(i, {whole, "", one.kind, one.reason});
            change.other = documents_[one.kept].id;
            stays_[i] = options_.reverted.count(change.id) > 0;
            left_out_.emplace(i, std::move(change));
        }
    }

    void clean_one(std::size_t i) {
        const text::Document& document = documents_[i];
        counts_.clear();
        if (auto left = left_out_.find(i); left != left_out_.end()) {
            result_.changes.push_back(std::move(left->second));
        }
        if (!stays_[i]) {
            return;
        }
        std::vector<Edit> edits = settle(i);
        EditedText edited = apply_edits(document.text, edits);
        CleanDocument clean{document, std::move(edited.map)};
        clean.document.text = std::move(edited.text);
        remap(clean);
        result_.documents.push_back(std::move(clean));
    }

    Change make_change(std::size_t i, const Edit& edit) {
        Change change;
        change.document = documents_[i].id;
        change.kind = edit.kind;
        change.span = edit.span;
        change.before_digest = sha256_hex(edit.span.of(documents_[i].text));
        change.after = edit.after;
        change.reason = edit.reason;
        int repeat = counts_[{edit.kind, change.before_digest}]++;
        change.id = "c_" + Sha256()
                               .field(change.document)
                               .field(change_kind_name(edit.kind))
                               .field(change.before_digest)
                               .field(std::to_string(repeat))
                               .hex()
                               .substr(0, 16);
        return change;
    }

    /// All edits of one document on its original text, without overlaps; lists each as a change.
    std::vector<Edit> settle(std::size_t i) {
        std::vector<Edit> wanted;
        if (!options_.boilerplate) {
            boilerplate_[i].edits.clear();
        }
        for (Edit& edit : boilerplate_[i].edits) {
            edit.span = texts_[i].map.to_original(edit.span);
            wanted.push_back(std::move(edit));
        }
        if (options_.personal_data) {
            mask(i, wanted);
        }
        wanted.insert(wanted.end(), unicode_[i].begin(), unicode_[i].end());
        std::vector<Edit> kept;
        std::vector<Change> changes;
        Taken taken;
        for (Edit& edit : wanted) {
            if (!taken.is_free(edit.span)) {
                continue;
            }
            Change change = make_change(i, edit);
            bool reverted = options_.reverted.count(change.id) > 0;
            changes.push_back(std::move(change));
            if (!reverted) {
                taken.take(edit.span);
                kept.push_back(std::move(edit));
            }
        }
        auto by_place = [](const auto& a, const auto& b) { return a.span.begin < b.span.begin; };
        std::stable_sort(kept.begin(), kept.end(), by_place);
        std::stable_sort(changes.begin(), changes.end(), by_place);
        result_.changes.insert(result_.changes.end(), changes.begin(), changes.end());
        return kept;
    }

    void mask(std::size_t i, std::vector<Edit>& wanted) {
        const std::string& text = texts_[i].text;
        std::vector<PersonalDataHit> hits = find_personal_data(text);
        if (const auto names = names_.find(documents_[i].source); names != names_.end()) {
            for (PersonalDataHit& hit : names->second.find(text)) {
                hits.push_back(std::move(hit));  // behind the others: an address keeps its kind
            }
        }
        for (const PersonalDataHit& hit : hits) {
            if (is_public(hit, options_.contacts)) {
                continue;
            }
            bool secret = hit.kind == "SECRET";
            wanted.push_back({texts_[i].map.to_original(hit.span),
                              pseudonyms_.of(hit, hit.span.of(text)),
                              secret ? ChangeKind::kSecret : ChangeKind::kPersonalData, hit.rule});
        }
    }

    static void remap(CleanDocument& clean) {
        for (text::Section& section : clean.document.sections) {
            section.span = {clean.map.to_clean(section.span.begin),
                            clean.map.to_clean(section.span.end)};
        }
        std::erase_if(clean.document.sections,
                      [](const text::Section& section) { return section.span.size() <= 0; });
        for (std::int64_t& start : clean.document.page_starts) {
            start = clean.map.to_clean(start);
        }
    }

    const std::vector<text::Document>& documents_;
    const std::vector<std::int64_t>& modified_ns_;
    const CleanOptions& options_;
    std::vector<std::vector<Edit>> unicode_;
    std::vector<EditedText> texts_;  ///< after the Unicode step
    std::vector<Boilerplate> boilerplate_;
    std::map<std::size_t, Change> left_out_;
    std::vector<bool> stays_;
    std::map<std::pair<ChangeKind, std::string>, int> counts_;
    std::map<std::string, PersonNames> names_;  ///< by source; empty when they stay
    Pseudonyms pseudonyms_;
    CleanResult result_;
};

}  // namespace

std::string_view change_kind_name(ChangeKind kind) {
    switch (kind) {
        case ChangeKind::kUnicode:
            return "unicode";
        case ChangeKind::kBoilerplate:
            return "boilerplate";
        case ChangeKind::kExactDuplicate:
            return "exact_duplicate";
        case ChangeKind::kNearDuplicate:
            return "near_duplicate";
        case ChangeKind::kOldVersion:
            return "old_version";
        case ChangeKind::kPersonalData:
            return "personal_data";
        case ChangeKind::kSecret:
            return "secret";
    }
    return "unknown";
}

CleanResult clean(const std::vector<text::Document>& documents,
                  const std::vector<std::int64_t>& modified_ns, const CleanOptions& options) {
    return Cleaner(documents, modified_ns, options).run();
}

}  // namespace cairn::data
