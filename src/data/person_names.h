// SPDX-License-Identifier: Apache-2.0
// Names of persons without a model: a name is learned where a text itself announces one (title,
// salutation, signature, "my name is", beside an e-mail address or phone number) and then found
// wherever it stands again in the same source. Latin, Greek and Cyrillic letters only.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "cairn/data/personal_data.h"

namespace cairn::data {

class PersonNames {
  public:
    /// Learns from all texts of one source.
    explicit PersonNames(std::span<const std::string_view> texts);

    /// The names in a text, in order, without overlaps; kind PERSON. "Mr Feld" has the key of
    /// "Jonas Feld" when no other Feld is known.
    std::vector<PersonalDataHit> find(std::string_view text) const;

    using Words = std::vector<std::string>;  ///< folded

  private:
    void learn(std::string_view text);
    void learn_beside_numbers(std::string_view text);
    void learn_lists(std::string_view text);
    void add(std::string_view name, bool strict);

    std::unordered_set<std::string> ordinary_;  ///< words that stand in small letters somewhere
    std::map<std::string, std::set<Words>> starts_;  ///< first word -> names, for whole matches
    std::map<std::string, std::set<Words>> parts_;   ///< any word -> names that hold it
};

}  // namespace cairn::data
