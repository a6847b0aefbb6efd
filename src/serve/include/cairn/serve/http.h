// SPDX-License-Identifier: Apache-2.0
// What a handler sees of HTTP: a request, a reply, and a responder for streams. No Boost type
// leaves server.cc. Called by: server.cc for each request, on a worker thread (handlers may block).
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/result.h"

namespace cairn::serve {

struct Request {
    std::string id;      ///< "req_" + random hex; also the ledger's request id
    std::string method;  ///< "GET", "POST", ...
    std::string path;    ///< decoded, without query
    std::map<std::string, std::string> query;    ///< decoded
    std::map<std::string, std::string> headers;  ///< names in lower case
    std::string body;
    std::map<std::string, std::string> parameters;  ///< {name} parts of the route's pattern

    std::string header(const std::string& lower_case_name) const;
    /// Query value or `fallback`.
    std::string query_or(const std::string& name, std::string fallback) const;
};

struct Reply {
    int status = 200;
    std::string content_type = "application/json";
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
    bool streamed = false;  ///< the handler has sent everything through the responder
};

/// Writes a response piece by piece (server-sent events). Used by one thread at a time.
class Responder {
  public:
    virtual ~Responder() = default;
    /// Sends status 200 and the head of a chunked response.
    virtual Status begin(std::string_view content_type) = 0;
    /// Sends one piece; kCancelled when the client has gone.
    virtual Status write(std::string_view piece) = 0;
    /// Ends the stream.
    virtual Status end() = 0;
    /// True when the client has closed the connection or the server is stopping.
    virtual bool client_gone() = 0;
};

/// Who is asking: filled in by the authenticator before a handler runs.
struct Caller {
    std::string key_id;
    std::string tenant;
    bool admin = false;
};

using Handler = std::function<Reply(const Request&, const Caller&, Responder&)>;

enum class Access { kPublic, kKey, kAdmin };

struct Route {
    std::string method;
    std::string
        pattern;  ///< "/api/documents/{id}"; a last part "{rest...}" takes the rest of the path
    Access access = Access::kKey;
    Handler handler;
};

/// Routes in order; the first match wins.
class Router {
  public:
    void add(std::string method, std::string pattern, Access access, Handler handler);
    /// The route for the request, with its {parameters} filled in; nullptr when no pattern fits.
    /// `path_known` tells whether another method would fit (405 instead of 404).
    const Route* find(Request& request, bool& path_known) const;

  private:
    std::vector<Route> routes_;
};

/// OpenAI's error shape: {"error": {"message", "type", "param", "code"}}.
Reply error_reply(const Error& error);
Reply error_reply(int status, std::string_view type, std::string_view message,
                  std::string_view code = {}, std::string_view param = {});
Reply json_reply(std::string body, int status = 200);

/// "%41+b" -> "A b"; kInvalid on a broken escape or a NUL byte.
Result<std::string> url_decode(std::string_view text, bool plus_is_space);

}  // namespace cairn::serve
