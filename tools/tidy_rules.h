// SPDX-License-Identifier: Apache-2.0
// The house style as functions: text of a file in, findings out. No file system here, so that every
// rule can be tested.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::tidy {

struct Finding {
    std::string path;
    int line = 0;
    std::string rule;  ///< the name that an exemption uses
    std::string message;
    bool operator==(const Finding&) const = default;
};

/// room -> rooms that it may include, itself among them.
using RoomUses = std::map<std::string, std::set<std::string>>;

/// The text with comments and the insides of literals blanked; lines and columns stay where they
/// are.
std::string blank_comments_and_literals(std::string_view text);

/// All findings of one file. `path` is relative to the source root with '/'.
std::vector<Finding> check_file(const std::string& path, const std::string& text,
                                const RoomUses& rooms);

/// CAIRN_MAY_USE_* of cmake/Rooms.cmake.
RoomUses parse_may_use(std::string_view cmake);
/// USES and USES_PRIVATE of a room's CMakeLists.txt, and the room itself.
std::set<std::string> parse_uses(std::string_view cmake, const std::string& room);

struct Exemption {
    std::string path;
    std::string rule;
    std::string reason;
    int line = 0;
    bool used = false;
};
/// Lines "PATH RULE reason in words"; '#' begins a comment. A line without a reason is a finding.
std::vector<Exemption> parse_exemptions(const std::string& path, std::string_view text,
                                        std::vector<Finding>& findings);
/// Removes what is exempt; an exemption that exempts nothing becomes a finding, so that the list
/// stays short.
std::vector<Finding> apply_exemptions(std::vector<Finding> findings,
                                      std::vector<Exemption>& exemptions,
                                      const std::string& exemptions_path);

}  // namespace cairn::tidy
