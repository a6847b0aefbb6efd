// SPDX-License-Identifier: Apache-2.0
// Any text as the name of a model, as an address and as a redirect: refused, or within its form. A
// name that was read writes itself back; no redirect gets out of http.
#include <cstdint>
#include <string_view>

#include "http_client.h"
#include "hub_client.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace cairn::operate;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto reference = parse_hub_reference(text)) {
        CAIRN_ASSERT(reference->text() == text);
        CAIRN_ASSERT(reference->repository.find("..") == std::string::npos);
    }
    if (is_safe_path(text)) {
        CAIRN_ASSERT(text.front() != '/' && text.find("/../") == std::string_view::npos);
    }
    const Url base = parse_url("https://hub.example.com/a/b?c").value();
    if (const auto url = resolve_location(base, text)) {
        CAIRN_ASSERT(!url->host.empty() && url->target.starts_with('/'));
        CAIRN_ASSERT(url->target.find_first_of("\r\n ") == std::string::npos);
        CAIRN_ASSERT(parse_url(url->origin() + url->target)->origin() == url->origin());
    }
    return 0;
}
