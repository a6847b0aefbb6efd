// SPDX-License-Identifier: Apache-2.0
// The zip container of Office files, unpacked with bounds: entries, bytes, ratio, names. XML parts
// come back parsed, without document type declarations (and so without entities).
#pragma once

#include <map>
#include <pugixml.hpp>
#include <string>
#include <string_view>

#include "cairn/base/result.h"

namespace cairn::data {

/// Parts whose names `wanted` accepts, by name. Errors: kInvalid (damaged, unsafe names,
/// encrypted), kTooLarge (bomb).
Result<std::map<std::string, std::string>> unpack_office(std::string_view bytes,
                                                         bool (*wanted)(std::string_view name));

/// Parses one part in place. Errors: kInvalid for XML that is damaged or declares a document type.
Status parse_office_xml(std::string_view name, const std::string& part, pugi::xml_document& xml);

/// Name without its namespace prefix: "w:p" -> "p".
std::string_view local_name(const pugi::xml_node& node);
/// First child element with that local name; a null node when there is none.
pugi::xml_node child_named(const pugi::xml_node& node, std::string_view name);
/// Value of the attribute with that local name ("val" finds "w:val"); empty when absent.
std::string_view attribute_named(const pugi::xml_node& node, std::string_view name);

}  // namespace cairn::data
