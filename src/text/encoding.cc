// SPDX-License-Identifier: Apache-2.0
// Certain signs first (byte order mark, valid UTF-8, zero bytes of UTF-16), statistics last.
#include "cairn/text/encoding.h"

#include <fmt/format.h>
#include <uchardet.h>
#include <unicode/ucnv.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <memory>

#include "cairn/base/limits.h"
#include "cairn/text/utf8.h"

namespace cairn::text {
namespace {

constexpr std::size_t kSampleBytes = 1 << 20;  // enough for any statistic

struct Mark {
    std::string_view bytes;
    const char* name;
};
// UTF-32LE before UTF-16LE: its mark begins with the other one.
constexpr Mark kMarks[] = {{"\xEF\xBB\xBF", "UTF-8"},
                           {std::string_view("\xFF\xFE\0\0", 4), "UTF-32LE"},
                           {std::string_view("\0\0\xFE\xFF", 4), "UTF-32BE"},
                           {"\xFF\xFE", "UTF-16LE"},
                           {"\xFE\xFF", "UTF-16BE"}};

struct CloseConverter {
    void operator()(UConverter* converter) const { ucnv_close(converter); }
};
using Converter = std::unique_ptr<UConverter, CloseConverter>;

Converter open_converter(const std::string& name) {
    UErrorCode status = U_ZERO_ERROR;
    Converter converter(ucnv_open(name.c_str(), &status));
    return U_SUCCESS(status) ? std::move(converter) : nullptr;
}

/// Text in UTF-16 without a mark has zero bytes on one side of most units; other text has none.
const char* utf16_by_zeros(std::string_view sample) {
    std::size_t zeros[2] = {0, 0};
    for (std::size_t i = 0; i < sample.size(); ++i) {
        if (sample[i] == 0) ++zeros[i % 2];
    }
    const std::size_t units = sample.size() / 2;
    if (units < 2) return nullptr;
    if (zeros[1] * 10 > units * 3 && zeros[0] * 20 < units) return "UTF-16LE";
    if (zeros[0] * 10 > units * 3 && zeros[1] * 20 < units) return "UTF-16BE";
    return nullptr;
}

/// Many well-formed sequences and few damaged ones: UTF-8 that was cut or pasted badly.
bool is_nearly_utf8(std::string_view text) {
    std::size_t good = 0;
    std::size_t bad = 0;
    for (std::size_t offset = 0; offset < text.size();) {
        const CodePoint point = code_point_at(text, offset);
        offset += point.bytes;
        if (!point.valid) {
            ++bad;
        } else if (point.bytes > 1) {
            ++good;
        }
    }
    return bad * 10 < good;
}

std::string guess_by_statistics(std::string_view sample) {
    const std::unique_ptr<uchardet, void (*)(uchardet_t)> detector(uchardet_new(), uchardet_delete);
    if (!detector || uchardet_handle_data(detector.get(), sample.data(), sample.size()) != 0)
        return {};
    uchardet_data_end(detector.get());
    std::string name = uchardet_get_charset(detector.get());
    // The web's rule: files that claim Latin-1 use Windows' superset of it.
    if (name == "ISO-8859-1" || name == "ASCII") name = "WINDOWS-1252";
    return open_converter(name) ? name : std::string();
}

}  // namespace

EncodingGuess detect_encoding(std::string_view bytes) {
    for (const Mark& mark : kMarks) {
        if (bytes.starts_with(mark.bytes)) return {mark.name, "byte order mark", mark.bytes.size()};
    }
    const std::string_view sample = bytes.substr(0, kSampleBytes);
    if (const char* name = utf16_by_zeros(sample)) return {name, "zero bytes", 0};
    if (is_valid_utf8(bytes)) return {"UTF-8", "valid UTF-8", 0};
    if (is_nearly_utf8(sample)) return {"UTF-8", "nearly valid UTF-8", 0};
    std::string name = guess_by_statistics(sample);
    if (!name.empty()) return {std::move(name), "statistics", 0};
    return {"WINDOWS-1252", "nothing else fits", 0};
}

Result<DecodedText> to_utf8(std::string_view bytes, const EncodingGuess& encoding) {
    if (bytes.size() > limits::kDocumentFileBytesMax) {
        return make_error(Code::kTooLarge,
                          fmt::format("expected text of at most {} bytes, found {}",
                                      limits::kDocumentFileBytesMax, bytes.size()));
    }
    DecodedText decoded;
    decoded.encoding = encoding;
    bytes.remove_prefix(std::min(encoding.mark_bytes, bytes.size()));
    if (encoding.name == "UTF-8") {
        RepairedText repaired = repair_utf8(bytes);
        decoded.text = std::move(repaired.text);
        decoded.replaced = repaired.replaced;
        return decoded;
    }
    const Converter converter = open_converter(encoding.name);
    if (!converter) {
        return make_error(Code::kUnsupported,
                          fmt::format("expected a known encoding, found '{}'", encoding.name),
                          "save the file as UTF-8");
    }
    UErrorCode status = U_ZERO_ERROR;
    const icu::UnicodeString text(bytes.data(), static_cast<std::int32_t>(bytes.size()),
                                  converter.get(), status);
    if (U_FAILURE(status)) {
        return make_error(Code::kInvalid, fmt::format("expected text in {}, found: {}",
                                                      encoding.name, u_errorName(status)));
    }
    for (std::int32_t i = 0; i < text.length(); ++i) {
        if (text[i] == kReplacement) ++decoded.replaced;
    }
    text.toUTF8String(decoded.text);
    return decoded;
}

Result<DecodedText> to_utf8(std::string_view bytes) {
    return to_utf8(bytes, detect_encoding(bytes));
}

}  // namespace cairn::text
