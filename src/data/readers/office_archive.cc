// SPDX-License-Identifier: Apache-2.0
// libarchive reads the container from memory; nothing is ever written to disk.
#include "readers/office_archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <memory>

#include "cairn/base/limits.h"

namespace cairn::data {
namespace {

using Archive = std::unique_ptr<archive, int (*)(archive*)>;

Error damaged(archive* reader) {
    const char* reason = archive_error_string(reader);
    return make_error(Code::kInvalid, std::string("the Office container is damaged: ") +
                                          (reason == nullptr ? "unknown reason" : reason));
}

bool is_safe_name(std::string_view name) {
    if (name.empty() || name.front() == '/' || name.size() > limits::kPathBytesMax ||
        name.find('\\') != std::string_view::npos) {
        return false;
    }
    while (!name.empty()) {
        std::size_t slash = name.find('/');
        if (name.substr(0, slash) == "..") {
            return false;
        }
        name.remove_prefix(slash == std::string_view::npos ? name.size() : slash + 1);
    }
    return true;
}

/// Counts what comes out of the container and stops bombs.
struct Meter {
    std::uint64_t packed = 0;
    std::uint64_t total = 0;

    Status add(std::string_view name, std::size_t entry_bytes, std::size_t more) {
        total += more;
        if (entry_bytes > limits::kArchiveEntryBytesMax || total > limits::kArchiveTotalBytesMax) {
            return make_error(Code::kTooLarge, "unpacking '" + std::string(name) +
                                                   "' passes the limit of 64 MiB a part");
        }
        if (total > limits::kMiB && total > packed * limits::kArchiveRatioMax) {
            return make_error(Code::kTooLarge,
                              "'" + std::string(name) + "' unpacks to more than " +
                                  std::to_string(limits::kArchiveRatioMax) +
                                  " times the size of the file: refused as a zip bomb");
        }
        return {};
    }
};

Result<std::string> read_part(archive* reader, std::string_view name, Meter& meter) {
    std::string part;
    char buffer[16384];
    while (true) {
        la_ssize_t count = archive_read_data(reader, buffer, sizeof buffer);
        if (count < 0) {
            return damaged(reader);
        }
        if (count == 0) {
            return part;
        }
        part.append(buffer, static_cast<std::size_t>(count));
        CAIRN_TRY(meter.add(name, part.size(), static_cast<std::size_t>(count)));
    }
}

}  // namespace

Result<std::map<std::string, std::string>> unpack_office(std::string_view bytes,
                                                         bool (*wanted)(std::string_view name)) {
    Archive reader(archive_read_new(), archive_read_free);
    archive_read_support_format_zip(reader.get());
    if (archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) {
        return damaged(reader.get());
    }
    std::map<std::string, std::string> parts;
    Meter meter{bytes.size(), 0};
    archive_entry* entry = nullptr;
    for (int count = 0;; ++count) {
        int status = archive_read_next_header(reader.get(), &entry);
        if (status == ARCHIVE_EOF) {
            return parts;
        }
        if (status != ARCHIVE_OK && status != ARCHIVE_WARN) {
            return damaged(reader.get());
        }
        if (count >= limits::kArchiveEntriesMax) {
            return make_error(Code::kTooLarge, "the Office container has more than " +
                                                   std::to_string(limits::kArchiveEntriesMax) +
                                                   " entries");
        }
        const char* raw_name = archive_entry_pathname(entry);
        std::string name = raw_name == nullptr ? "" : raw_name;
        if (!is_safe_name(name)) {
            return make_error(Code::kInvalid, "the Office container holds an unsafe entry name");
        }
        if (archive_entry_is_encrypted(entry) != 0) {
            return make_error(Code::kInvalid, "the Office container is encrypted",
                              "save the file without a password");
        }
        if (!wanted(name)) {
            continue;
        }
        if (parts.count(name) > 0) {
            return make_error(Code::kInvalid, "the Office container holds '" + name + "' twice");
        }
        parts[name] = CAIRN_TRY(read_part(reader.get(), name, meter));
    }
}

Status parse_office_xml(std::string_view name, const std::string& part, pugi::xml_document& xml) {
    if (part.find("<!DOCTYPE") != std::string::npos) {
        return make_error(Code::kInvalid, "'" + std::string(name) +
                                              "' declares a document type (entities): refused");
    }
    pugi::xml_parse_result result =
        xml.load_buffer(part.data(), part.size(), pugi::parse_default | pugi::parse_ws_pcdata);
    if (!result) {
        return make_error(Code::kInvalid, "'" + std::string(name) +
                                              "' is no well-formed XML: " + result.description() +
                                              " at byte " + std::to_string(result.offset));
    }
    return {};
}

std::string_view local_name(const pugi::xml_node& node) {
    std::string_view name = node.name();
    std::size_t colon = name.find(':');
    return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

pugi::xml_node child_named(const pugi::xml_node& node, std::string_view name) {
    for (pugi::xml_node child : node.children()) {
        if (local_name(child) == name) {
            return child;
        }
    }
    return {};
}

std::string_view attribute_named(const pugi::xml_node& node, std::string_view name) {
    for (pugi::xml_attribute attribute : node.attributes()) {
        std::string_view full = attribute.name();
        std::size_t colon = full.find(':');
        if ((colon == std::string_view::npos ? full : full.substr(colon + 1)) == name) {
            return attribute.value();
        }
    }
    return {};
}

}  // namespace cairn::data
