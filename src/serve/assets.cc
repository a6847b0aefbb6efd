// SPDX-License-Identifier: Apache-2.0
// The console's files, one route each: an address that is not in the table is simply unknown.
#include <array>
#include <string>
#include <utility>

#include "service_state.h"

namespace cairn::serve {

namespace {

/// Nothing from elsewhere, no inline script. Inline style is needed by the reports, which inherit
/// this policy inside their sandboxed frame.
constexpr std::string_view kConsolePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kTypes = {{
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".json", "application/json"},
    {".woff2", "font/woff2"},
    {".txt", "text/plain; charset=utf-8"},
}};

std::string_view content_type(std::string_view path) {
    for (const auto& [ending, type] : kTypes) {
        if (path.ends_with(ending)) return type;
    }
    return "application/octet-stream";
}

void add_asset(Router& router, const std::string& address, const EmbeddedFile& file) {
    Reply reply;
    reply.content_type = content_type(file.path);
    // Vite names what it puts under assets/ by content, so those never change.
    const bool hashed = file.path.starts_with("assets/");
    reply.headers.emplace_back("Cache-Control",
                               hashed ? "public, max-age=31536000, immutable" : "no-cache");
    reply.headers.emplace_back("Content-Security-Policy", kConsolePolicy);
    router.add("GET", address, Access::kPublic,
               [reply, bytes = file.bytes](const Request&, const Caller&, Responder&) {
                   Reply copy = reply;
                   copy.body = std::string(bytes);
                   return copy;
               });
}

}  // namespace

Status add_asset_routes(Router& router, std::span<const EmbeddedFile> assets) {
    bool has_index = false;
    for (const EmbeddedFile& file : assets) {
        add_asset(router, "/" + std::string(file.path), file);
        if (file.path != "index.html") continue;
        has_index = true;
        add_asset(router, "/", file);
    }
    if (!has_index) {
        return make_error(Code::kInvalid, "the console has no index.html", "run scripts/build");
    }
    return {};
}

}  // namespace cairn::serve
