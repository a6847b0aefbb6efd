// SPDX-License-Identifier: Apache-2.0
// The table of readers, and the table of types that are known but not read, with the reason.
#include "cairn/data/reader.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "cairn/base/hash.h"
#include "cairn/base/limits.h"
#include "cairn/text/segment.h"
#include "cairn/text/utf8.h"
#include "readers/readers.h"

namespace cairn::data {
namespace {

struct Reader {
    std::string_view media_type;
    std::string_view extensions;  ///< each followed by a space
    ReadFunction read;
};

constexpr std::array<Reader, 8> kReaders = {{
    {"text/markdown", ".md .markdown ", read_markdown},
    {"text/html", ".html .htm .xhtml ", read_html},
    {"text/plain", ".txt .text .log .rst .adoc .org ", read_text},
    {"text/csv", ".csv .tsv ", read_csv_file},
    {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".docx .docm ",
     read_docx},
    {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xlsx .xlsm ",
     read_xlsx},
    {"application/pdf", ".pdf ", read_pdf},
    {"message/rfc822", ".eml ", read_mail},
}};

struct Unread {
    std::string_view media_type;
    std::string_view extensions;
    std::string_view reason;
};

constexpr std::string_view kImage = "an image: text recognition is not built in";
constexpr std::string_view kData = "a data or configuration file, not a text for readers";
constexpr std::string_view kOldOffice = "an old Office format: save it as DOCX, XLSX or PDF";
constexpr std::string_view kArchive = "an archive: unpack it into the folder";
constexpr std::string_view kMedia = "sound or video: transcription is not built in";

constexpr std::array<Unread, 12> kUnread = {{
    {"image/png", ".png ", kImage},
    {"image/jpeg", ".jpg .jpeg ", kImage},
    {"image/gif", ".gif ", kImage},
    {"image/svg+xml", ".svg ", kImage},
    {"image/other", ".webp .tif .tiff .bmp .ico .heic ", kImage},
    {"application/json", ".json .jsonl .ndjson .geojson ", kData},
    {"application/yaml", ".yaml .yml ", kData},
    {"application/xml", ".xml .xsd .toml .ini .cfg .conf ", kData},
    {"application/msword", ".doc .xls .ppt .pptx .odt .ods .odp .rtf ", kOldOffice},
    {"application/zip", ".zip .tar .gz .zst .7z .rar .xz .bz2 ", kArchive},
    {"audio/other", ".mp3 .wav .ogg .m4a .flac ", kMedia},
    {"video/other", ".mp4 .mov .avi .mkv .webm ", kMedia},
}};

std::string extension_of(std::string_view path) {
    std::size_t slash = path.rfind('/');
    std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
    std::size_t dot = name.rfind('.');
    if (dot == std::string_view::npos || dot == 0) {
        return {};
    }
    std::string extension(name.substr(dot));
    std::transform(extension.begin(), extension.end(), extension.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return extension;
}

template <typename Table>
const typename Table::value_type* by_extension(const Table& table, const std::string& extension) {
    if (extension.empty() || extension.find(' ') != std::string::npos) {
        return nullptr;
    }
    for (const auto& entry : table) {
        if ((" " + std::string(entry.extensions)).find(" " + extension + " ") !=
            std::string::npos) {
            return &entry;
        }
    }
    return nullptr;
}

template <typename Table>
const typename Table::value_type* by_media_type(const Table& table, std::string_view type) {
    auto found = std::find_if(table.begin(), table.end(),
                              [type](const auto& entry) { return entry.media_type == type; });
    return found == table.end() ? nullptr : &*found;
}

/// What the first bytes say beyond doubt; empty when they say nothing.
std::string_view magic_type(std::string_view bytes) {
    if (bytes.substr(0, 1024).find("%PDF-") != std::string_view::npos) {
        return "application/pdf";
    }
    if (bytes.starts_with("\x89PNG")) {
        return "image/png";
    }
    if (bytes.starts_with("\xFF\xD8\xFF")) {
        return "image/jpeg";
    }
    if (bytes.starts_with("GIF8")) {
        return "image/gif";
    }
    if (bytes.starts_with("\xD0\xCF\x11\xE0")) {
        return "application/msword";
    }
    if (bytes.starts_with("PK\x03\x04")) {
        return "application/zip";
    }
    return {};
}

bool is_text_type(std::string_view type) {
    return type.starts_with("text/") || type == "message/rfc822";
}

/// Zero bytes that no UTF-16 or UTF-32 text explains.
bool is_binary(std::string_view bytes) {
    std::string_view head = bytes.substr(0, 4096);
    bool wide = head.starts_with("\xFF\xFE") || head.starts_with("\xFE\xFF") ||
                head.starts_with(std::string_view("\0\0\xFE\xFF", 4));
    return !wide && head.find('\0') != std::string_view::npos;
}

std::string file_name(std::string_view path) {
    std::size_t slash = path.rfind('/');
    return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

Error no_reader(std::string_view path, std::string_view type) {
    if (const Unread* known = by_media_type(kUnread, type)) {
        return make_error(Code::kUnsupported, std::string(known->reason));
    }
    std::string extension = extension_of(path);
    return make_error(Code::kUnsupported,
                      extension.empty() ? "no file type can be seen (no ending, no known content)"
                                        : "no reader for '" + extension + "' files");
}

Status check_size(std::string_view bytes) {
    if (bytes.empty()) {
        return make_error(Code::kUnsupported, "the file is empty");
    }
    if (bytes.size() > limits::kDocumentFileBytesMax) {
        return make_error(Code::kTooLarge, "the file is larger than the limit 64 MiB");
    }
    return {};
}

}  // namespace

std::string document_id(std::string_view source, std::string_view path) {
    return "d_" + Sha256().field(source).field(path).hex().substr(0, 16);
}

std::vector<std::string> readable_extensions() {
    std::vector<std::string> all;
    for (const Reader& reader : kReaders) {
        std::string_view rest = reader.extensions;
        while (!rest.empty()) {
            std::size_t end = rest.find(' ');
            all.emplace_back(rest.substr(0, end));
            rest.remove_prefix(end + 1);
        }
    }
    return all;
}

std::string detect_media_type(std::string_view path, std::string_view bytes) {
    std::string extension = extension_of(path);
    std::string_view magic = magic_type(bytes);
    const Reader* reader = by_extension(kReaders, extension);
    // Office files are zip files; every other disagreement is settled by the bytes.
    bool office = reader != nullptr && (extension.ends_with("x") || extension.ends_with("m")) &&
                  (magic.empty() || magic == "application/zip");
    if (!magic.empty() && !(office && magic == "application/zip")) {
        const Unread* known = by_extension(kUnread, extension);
        return std::string(known != nullptr && magic == "application/zip" ? known->media_type
                                                                          : magic);
    }
    if (reader != nullptr) {
        bool binary = is_text_type(reader->media_type) && is_binary(bytes);
        return std::string(binary ? "application/octet-stream" : reader->media_type);
    }
    if (const Unread* known = by_extension(kUnread, extension)) {
        return std::string(known->media_type);
    }
    if (extension.empty() && text::is_valid_utf8(bytes) && !is_binary(bytes)) {
        return "text/plain";
    }
    return "application/octet-stream";
}

Result<ReadOutcome> read_document(const ReadRequest& request) {
    CAIRN_TRY(check_size(request.bytes));
    std::string type = detect_media_type(request.path, request.bytes);
    const Reader* reader = by_media_type(kReaders, type);
    if (reader == nullptr) {
        if (type == "application/octet-stream" &&
            by_extension(kReaders, extension_of(request.path)) != nullptr) {
            return make_error(Code::kInvalid, "expected text, found binary content");
        }
        return no_reader(request.path, type);
    }
    DocumentBuilder builder;
    CAIRN_TRY(reader->read(request, builder));
    ReadOutcome outcome;
    outcome.note = builder.notes();
    text::Document& document = outcome.document;
    CAIRN_TRY(builder.finish(document));
    if (trim(document.text).empty()) {
        return make_error(Code::kUnsupported, "the file holds no text");
    }
    document.id = document_id(request.source, request.path);
    document.source = request.source;
    document.path = request.path;
    document.media_type = type;
    if (document.title.empty()) {
        document.title = file_name(request.path);
    }
    std::string language = text::guess_language(document.text).code;
    document.language = language == "und" ? "" : language;
    document.file_digest = sha256_hex(request.bytes);
    document.file_bytes = static_cast<std::int64_t>(request.bytes.size());
    return outcome;
}

}  // namespace cairn::data
