// SPDX-License-Identifier: Apache-2.0
// Readers of strangers' files: whatever the bytes, a reader comes back with a document whose
// sections cover its valid UTF-8 text, or with an error. The target's name says the type: run with
// CAIRN_FUZZ_TYPE=html, md, eml, docx, xlsx, csv or txt (default html).
#include <cstdlib>
#include <string>
#include <string_view>

#include "cairn/data/personal_data.h"
#include "cairn/data/reader.h"
#include "cairn/text/utf8.h"

namespace {

const std::string& path() {
    static const std::string name = [] {
        const char* type = std::getenv("CAIRN_FUZZ_TYPE");
        return std::string("a.") + (type == nullptr ? "html" : type);
    }();
    return name;
}

void check(bool holds) {
    if (!holds) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (cairn::data::detect_media_type(path(), bytes) == "application/pdf") {
        return 0;  // a child process for each input would be no fuzzing of ours
    }
    auto read = cairn::data::read_document({"fuzz", path(), bytes});
    if (!read) {
        return 0;
    }
    const cairn::text::Document& document = read->document;
    check(cairn::text::is_valid_utf8(document.text));
    std::int64_t at = 0;
    for (const auto& section : document.sections) {
        check(section.span.begin == at && section.span.end > at);
        at = section.span.end;
    }
    check(at == static_cast<std::int64_t>(document.text.size()));
    std::int64_t last = 0;
    for (const auto& hit : cairn::data::find_personal_data(document.text)) {
        check(hit.span.begin >= last && hit.span.end > hit.span.begin);
        last = hit.span.end;
    }
    return 0;
}
