// SPDX-License-Identifier: Apache-2.0
// One GET or HEAD over HTTP or HTTPS with every guard that a download needs: certificates are
// checked, redirects are bounded and never carry the token to another host, silence ends in an
// error, Ctrl-C is heard. Used by the hub client only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "cairn/base/result.h"
#include "cairn/operate/hub.h"

namespace cairn::operate {

struct Url {
    bool tls = true;
    std::string host;    ///< lower case; IPv6 in brackets
    std::string port;    ///< always set
    std::string target;  ///< path and query, begins with '/'

    /// "https://host:port": what a token is bound to.
    std::string origin() const;
    bool is_loopback() const;
};

/// Errors: kInvalid for anything but http(s)://HOST[:PORT][/...], and for names with passwords.
Result<Url> parse_url(std::string_view text);
/// Where a Location leads: a whole address, or one relative to `from`.
Result<Url> resolve_location(const Url& from, std::string_view location);
/// Percent-encodes a path; '/' stays, so that it separates.
std::string encode_path(std::string_view path);

struct HttpRequest {
    bool head = false;
    Url url;
    std::string token;  ///< sent as a bearer token to url.origin() and to nobody else
    std::optional<std::pair<std::uint64_t, std::uint64_t>> range;  ///< bytes [begin, end)
    bool follow_to_other_hosts = true;  ///< false: such a redirect is returned as the answer
};

struct HttpResponse {
    int status = 0;
    std::map<std::string, std::string, std::less<>> fields;  ///< names in lower case
    std::string error_body;  ///< the beginning of the body of an answer that is not 2xx

    std::string field(std::string_view name) const;
};

/// Called with each piece of the body of a 2xx answer; `head` is complete by then.
using BodySink = std::function<Status(const HttpResponse& head, std::string_view piece)>;

/// Errors: kUnavailable for what may work at another time (no connection, silence, body cut off),
/// kDenied for what must not be done (certificate, downgrade to http), kCancelled after Ctrl-C,
/// and those of `sink`.
Result<HttpResponse> http_exchange(const HttpRequest& request, const HttpTimeouts& timeouts,
                                   const BodySink& sink);

}  // namespace cairn::operate
