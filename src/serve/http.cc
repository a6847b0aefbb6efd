// SPDX-License-Identifier: Apache-2.0
// Routing and replies without sockets: see http.h.
#include "cairn/serve/http.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace cairn::serve {

namespace {

std::vector<std::string_view> split_path(std::string_view path) {
    std::vector<std::string_view> parts;
    while (!path.empty()) {
        path.remove_prefix(1);  // the leading '/'
        const std::size_t end = std::min(path.find('/'), path.size());
        parts.push_back(path.substr(0, end));
        path.remove_prefix(end);
    }
    return parts;
}

bool is_parameter(std::string_view part) {
    return part.size() > 2 && part.front() == '{';
}

bool match(const std::string& pattern, std::string_view path,
           std::map<std::string, std::string>& parameters) {
    const auto wanted = split_path(pattern);
    const auto found = split_path(path);
    parameters.clear();
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (!is_parameter(wanted[i])) {
            if (i >= found.size() || wanted[i] != found[i]) return false;
            continue;
        }
        std::string name(wanted[i].substr(1, wanted[i].size() - 2));
        if (name.ends_with("...")) {
            name.resize(name.size() - 3);
            const std::size_t offset =
                i < found.size() ? found[i].data() - path.data() : path.size();
            parameters[name] = std::string(path.substr(offset));
            return true;
        }
        if (i >= found.size()) return false;
        parameters[name] = std::string(found[i]);
    }
    return wanted.size() == found.size();
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string_view error_type(int status) {
    switch (status) {
        case 401:
            return "authentication_error";
        case 403:
            return "permission_error";
        case 404:
            return "not_found_error";
        case 429:
            return "rate_limit_error";
        default:
            return status >= 500 ? "server_error" : "invalid_request_error";
    }
}

}  // namespace

std::string Request::header(const std::string& lower_case_name) const {
    const auto it = headers.find(lower_case_name);
    return it == headers.end() ? std::string() : it->second;
}

std::string Request::query_or(const std::string& name, std::string fallback) const {
    const auto it = query.find(name);
    return it == query.end() ? std::move(fallback) : it->second;
}

void Router::add(std::string method, std::string pattern, Access access, Handler handler) {
    routes_.push_back({std::move(method), std::move(pattern), access, std::move(handler)});
}

const Route* Router::find(Request& request, bool& path_known) const {
    path_known = false;
    for (const Route& route : routes_) {
        std::map<std::string, std::string> parameters;
        if (!match(route.pattern, request.path, parameters)) continue;
        path_known = true;
        if (route.method != request.method) continue;
        request.parameters = std::move(parameters);
        return &route;
    }
    return nullptr;
}

Reply json_reply(std::string body, int status) {
    Reply reply;
    reply.status = status;
    reply.body = std::move(body);
    return reply;
}

Reply error_reply(int status, std::string_view type, std::string_view message,
                  std::string_view code, std::string_view param) {
    const auto or_null = [](std::string_view text) {
        return text.empty() ? nlohmann::json(nullptr) : nlohmann::json(text);
    };
    const nlohmann::json error = {
        {"message", message}, {"type", type}, {"param", or_null(param)}, {"code", or_null(code)}};
    const nlohmann::json body = {{"error", error}};
    return json_reply(body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), status);
}

Reply error_reply(const Error& error) {
    const int status = http_status(error.code);
    Reply reply = error_reply(status, error_type(status), error.to_string(), code_name(error.code));
    if (error.code == Code::kUnavailable) reply.headers.emplace_back("Retry-After", "1");
    return reply;
}

Result<std::string> url_decode(std::string_view text, bool plus_is_space) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '+' && plus_is_space) c = ' ';
        if (c == '%') {
            const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
            const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return make_error(Code::kInvalid, "broken percent escape in the address");
            }
            c = static_cast<char>(high * 16 + low);
            i += 2;
        }
        if (c == '\0') return make_error(Code::kInvalid, "NUL byte in the address");
        out += c;
    }
    return out;
}

}  // namespace cairn::serve
