// SPDX-License-Identifier: Apache-2.0
// The hub's API: names, tokens, the listing of a repository, retries and the words of refusals.
#include "hub_client.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "cairn/base/clock.h"
#include "cairn/base/files.h"
#include "cairn/base/limits.h"
#include "cairn/text/json.h"

namespace cairn::operate {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kListingBytesMax = 32 * limits::kMiB;
constexpr std::size_t kListingFilesMax = 20'000;  // the largest model has about 300
constexpr std::size_t kPathBytesMax = 512;
constexpr std::size_t kTokenBytesMax = 1024;
constexpr double kPauseSecondsMax = 30;

bool all_of(std::string_view text, std::string_view more) {
    return !text.empty() && std::ranges::all_of(text, [&](unsigned char c) {
        return std::isalnum(c) != 0 || more.find(static_cast<char>(c)) != std::string_view::npos;
    });
}

bool is_hex(std::string_view text, std::size_t size) {
    return text.size() == size && std::ranges::all_of(text, [](unsigned char c) {
               return std::isdigit(c) != 0 || (c >= 'a' && c <= 'f');
           });
}

/// "Org/Name", or "Name" for the oldest models.
bool is_repository(std::string_view text) {
    const std::size_t slash = text.find('/');
    const std::string_view first = text.substr(0, slash);
    const auto good = [](std::string_view name) {
        return all_of(name, "-._") && name.size() <= 96 && name[0] != '.' && name[0] != '-' &&
               name.find("..") == std::string_view::npos;
    };
    return good(first) && (slash == std::string_view::npos || good(text.substr(slash + 1)));
}

/// Seconds that the hub asks to wait; -1: it does not say.
double retry_after(const HttpResponse& response) {
    const std::string text = response.field("retry-after");
    int seconds = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    return failure == std::errc() && end == text.data() + text.size() && seconds >= 0 ? seconds
                                                                                      : -1;
}

bool may_pass(int status) {
    return status == 408 || status == 429 || (status >= 500 && status <= 504);
}

Status pause(double seconds) {
    const double until = now_seconds() + seconds;
    while (now_seconds() < until) {
        if (interrupted()) return make_error(Code::kCancelled, "stopped by the user");
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return {};
}

/// The hub's answer in words that say what to do.
Error refusal(const HttpResponse& response, const HubReference& reference,
              const HubOptions& options) {
    const std::string code = response.field("x-error-code");
    const std::string& name = reference.repository;
    const std::string page = options.address + "/" + name;
    const std::string with = options.token.empty() ? "without a token" : "with this token";
    if (code == "GatedRepo") {
        return make_error(
            Code::kDenied, fmt::format("{} is gated: its owner asks you to accept terms", name),
            fmt::format("open {} in a browser, accept the terms, then put your token into "
                        "HF_TOKEN and run this again",
                        page));
    }
    if (response.status == 401 || response.status == 403) {
        return make_error(
            Code::kDenied,
            fmt::format("the hub refused {} {} (status {})", name, with, response.status),
            options.token.empty()
                ? "check the name; for a private or gated model put a token into HF_TOKEN"
                : "check that the token is valid and may read this model");
    }
    if (response.status == 404) {
        const std::string what = code == "RevisionNotFound"
                                     ? "has no revision '" + reference.revision + "'"
                                 : code == "EntryNotFound" ? "does not have that file"
                                                           : "was not found on this hub";
        return make_error(Code::kNotFound, name + " " + what, "check the name at " + page);
    }
    if (response.status == 416) {
        return make_error(Code::kInvalid, name + ": a file is shorter than the hub's listing says",
                          "run the command again; the owner may be changing the repository");
    }
    return make_error(may_pass(response.status) ? Code::kUnavailable : Code::kInvalid,
                      fmt::format("{}: the hub answered with status {}", name, response.status),
                      "try again later, or another mirror with --hub");
}

Result<Url> hub_url(const HubOptions& options, const std::string& path) {
    std::string address = options.address;
    while (address.ends_with('/'))
        address.pop_back();
    auto url = parse_url(address + path);
    if (!url) return url.error().with_context("the hub's address");
    if (!options.token.empty() && !url->tls && !url->is_loopback()) {
        return make_error(Code::kDenied, "a token is not sent over http: " + url->origin(),
                          "use an https address, or unset HF_TOKEN");
    }
    return url;
}

Result<HubFile> read_sibling(const nlohmann::json& item) {
    HubFile file;
    file.path = CAIRN_TRY(text::get_string(item, "rfilename"));
    if (!is_safe_path(file.path)) {
        return make_error(Code::kDenied,
                          fmt::format("the repository names a file outside of its folder: '{}'",
                                      text::dump_json(file.path.substr(0, 100))),
                          "do not use this repository: such a name is an attack");
    }
    const std::int64_t bytes = CAIRN_TRY(text::get_int_or(item, "size", -1));
    const std::string blob = CAIRN_TRY(text::get_string_or(item, "blobId", ""));
    const auto large = item.find("lfs");
    if (large != item.end() && large->is_object()) {
        file.sha256 = CAIRN_TRY(text::get_string_or(*large, "sha256", ""));
        if (file.sha256.empty()) file.sha256 = CAIRN_TRY(text::get_string_or(*large, "oid", ""));
        if (file.sha256.starts_with("sha256:")) file.sha256.erase(0, 7);
        if (!is_hex(file.sha256, 64)) file.sha256.clear();
    } else if (is_hex(blob, 40)) {
        file.git_sha1 = blob;
    }
    file.bytes = bytes < 0 ? 0 : static_cast<std::uint64_t>(bytes);
    file.described = bytes >= 0 && (!file.sha256.empty() || !file.git_sha1.empty());
    return file;
}

/// cardData.license as text or list; the tags know it too.
void read_licence(const nlohmann::json& body, HubModel& model) {
    const auto card = body.find("cardData");
    if (card != body.end() && card->is_object()) {
        const auto licence = card->find("license");
        if (licence != card->end() && licence->is_string()) model.licence = *licence;
        if (licence != card->end() && licence->is_array() && !licence->empty() &&
            licence->front().is_string()) {
            model.licence = licence->front();
        }
        if (model.licence == "other" && card->value("license_name", nlohmann::json()).is_string()) {
            model.licence = card->at("license_name");
        }
        const auto link = card->find("license_link");
        if (link != card->end() && link->is_string()) model.licence_link = *link;
    }
    const auto tags = body.find("tags");
    if (model.licence.empty() && tags != body.end() && tags->is_array()) {
        for (const auto& tag : *tags) {
            if (tag.is_string() && tag.get_ref<const std::string&>().starts_with("license:"))
                model.licence = tag.get<std::string>().substr(8);
        }
    }
    if (model.licence.empty()) model.licence = "unknown";
}

Result<HubModel> read_listing(const std::string& body, const HubReference& reference) {
    const nlohmann::json json = CAIRN_TRY(text::parse_json(body));
    if (!json.is_object()) return make_error(Code::kInvalid, "expected an object, found another");
    HubModel model;
    model.reference = reference;
    model.commit = CAIRN_TRY(text::get_string(json, "sha"));
    if (!is_hex(model.commit, 40)) {
        return make_error(Code::kInvalid, "sha: expected 40 hex digits, found another text");
    }
    const auto gated = json.find("gated");
    model.gated = gated != json.end() && (gated->is_string() || *gated == true);
    const auto siblings = json.find("siblings");
    if (siblings == json.end() || !siblings->is_array()) {
        return make_error(Code::kInvalid, "siblings: expected a list of files, found none");
    }
    if (siblings->size() > kListingFilesMax) {
        return make_error(Code::kTooLarge,
                          fmt::format("siblings: expected at most {} files, found {}",
                                      kListingFilesMax, siblings->size()));
    }
    for (const auto& item : *siblings) {
        model.files.push_back(CAIRN_TRY(read_sibling(item)));
    }
    std::ranges::sort(model.files, {}, &HubFile::path);
    const auto twice = std::ranges::adjacent_find(model.files, {}, &HubFile::path);
    if (twice != model.files.end()) {
        return make_error(Code::kInvalid, "siblings: the file '" + twice->path + "' twice");
    }
    read_licence(json, model);
    return model;
}

Result<std::string> check_token(std::string token) {
    while (!token.empty() && std::isspace(static_cast<unsigned char>(token.back())) != 0)
        token.pop_back();
    const bool printable =
        std::ranges::all_of(token, [](unsigned char c) { return c > 0x20 && c < 0x7F; });
    if (printable && token.size() <= kTokenBytesMax) return token;
    return make_error(Code::kInvalid, "the hub's token: expected printable characters on one line");
}

Result<std::string> read_token_file(const fs::path& file) {
    struct stat info = {};
    if (::stat(file.c_str(), &info) != 0) return errno_error(file.string(), errno);
    if ((info.st_mode & 077) != 0) {
        return make_error(Code::kDenied, file.string() + ": others can read this token",
                          "run `chmod 600 " + file.string() + "`");
    }
    return check_token(CAIRN_TRY(read_file(file, kTokenBytesMax)));
}

}  // namespace

std::string HubReference::text() const {
    return "hf:" + repository + (revision.empty() ? "" : "@" + revision) +
           (selection.empty() ? "" : ":" + selection);
}

bool is_safe_path(std::string_view path) {
    if (path.empty() || path.size() > kPathBytesMax || path.starts_with('/')) return false;
    const bool printable = std::ranges::all_of(
        path, [](unsigned char c) { return c >= 0x20 && c != 0x7F && c != '\\'; });
    if (!printable || (path.size() > 1 && path[1] == ':')) return false;
    while (!path.empty()) {
        const std::string_view part = path.substr(0, path.find('/'));
        if (part.empty() || part == "." || part == "..") return false;
        if (part.size() == path.size()) return true;
        path.remove_prefix(part.size() + 1);
    }
    return false;  // ends in '/'
}

Result<HubReference> parse_hub_reference(std::string_view text) {
    const auto bad = [&](std::string_view why) {
        return make_error(Code::kInvalid,
                          fmt::format("expected hf:ORG/NAME[@REVISION][:QUANTISATION or FILE], "
                                      "found '{}'{}",
                                      text, why),
                          "for example hf:Qwen/Qwen3-0.6B or hf:Qwen/Qwen3-0.6B-GGUF:Q8_0");
    };
    HubReference reference;
    if (!text.starts_with("hf:")) return bad("");
    std::string_view rest = text.substr(3);
    if (const std::size_t colon = rest.find(':'); colon != std::string_view::npos) {
        reference.selection = rest.substr(colon + 1);
        rest = rest.substr(0, colon);
        if (!is_safe_path(reference.selection)) return bad(" (the file)");
    }
    if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
        reference.revision = rest.substr(at + 1);
        rest = rest.substr(0, at);
        if (!all_of(reference.revision, "-._/") || !is_safe_path(reference.revision)) {
            return bad(" (the revision)");
        }
    }
    reference.repository = rest;
    return is_repository(rest) ? Result<HubReference>(reference) : bad(" (the name)");
}

Result<std::string> find_hub_token(const fs::path& file) {
    if (!file.empty()) return read_token_file(file);
    for (const char* name : {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"}) {
        const char* value = std::getenv(name);
        if (value != nullptr && *value != '\0') return check_token(value);
    }
    const char* home = std::getenv("HOME");
    const char* hub_home = std::getenv("HF_HOME");
    std::vector<fs::path> usual;
    if (home != nullptr) usual.push_back(fs::path(home) / ".config/cairn/hub_token");
    if (hub_home != nullptr) usual.push_back(fs::path(hub_home) / "token");
    if (home != nullptr) usual.push_back(fs::path(home) / ".cache/huggingface/token");
    for (const fs::path& path : usual) {
        std::error_code ignored;
        if (fs::exists(path, ignored)) return read_token_file(path);
    }
    return std::string();
}

Result<HttpResponse> ask_hub(const std::function<HttpRequest()>& next_request,
                             const HubOptions& options, const HubReference& reference,
                             const BodySink& sink) {
    double backoff = options.backoff_seconds;
    for (int attempt = 1;; ++attempt) {
        const HttpRequest request = next_request();
        bool moved = false;
        const auto counting = [&](const HttpResponse& head, std::string_view piece) {
            moved = true;
            return sink(head, piece);
        };
        auto response = http_exchange(request, options.timeouts, counting);
        if (response && response->status >= 200 && response->status < 400) return response;
        const Error error = response ? refusal(*response, reference, options) : response.error();
        if (error.code != Code::kUnavailable) return error;
        if (moved && request.range) {
            attempt = 1;
            backoff = options.backoff_seconds;
        }
        if (attempt >= options.attempts) return error;
        const double wanted = response ? retry_after(*response) : -1;
        if (wanted > options.retry_after_max) {
            return make_error(Code::kUnavailable, error.message,
                              fmt::format("the hub asks to wait {}: run this again then, it goes "
                                          "on where it was",
                                          human_seconds(wanted)));
        }
        CAIRN_TRY(pause(wanted >= 0 ? wanted : std::min(backoff, kPauseSecondsMax)));
        backoff *= 2;
    }
}

Result<Url> file_url(const HubModel& model, const HubOptions& options, const std::string& path) {
    return hub_url(options, "/" + model.reference.repository + "/resolve/" + model.commit + "/" +
                                encode_path(path));
}

Result<HubModel> find_hub_model(const HubReference& reference, const HubOptions& options) {
    std::string revision = reference.revision.empty() ? "main" : reference.revision;
    for (std::size_t at = 0; (at = revision.find('/', at)) != std::string::npos; at += 3)
        revision.replace(at, 1, "%2F");
    HttpRequest request;
    request.url = CAIRN_TRY(hub_url(
        options, "/api/models/" + reference.repository + "/revision/" + revision + "?blobs=true"));
    request.token = options.token;
    std::string body;
    const auto next = [&] {
        body.clear();
        return request;
    };
    const auto sink = [&](const HttpResponse&, std::string_view piece) -> Status {
        if (body.size() + piece.size() > kListingBytesMax) {
            return make_error(Code::kTooLarge, fmt::format("the hub's listing has more than {}",
                                                           human_bytes(kListingBytesMax)));
        }
        body += piece;
        return {};
    };
    CAIRN_TRY(ask_hub(next, options, reference, sink));
    auto model = read_listing(body, reference);
    if (!model) return model.error().with_context(request.url.origin() + ": not a hub's answer");
    return model;
}

Status describe_file(const HubModel& model, const HubOptions& options, HubFile& file) {
    HttpRequest request;
    request.head = true;
    request.url = CAIRN_TRY(file_url(model, options, file.path));
    request.token = options.token;
    request.follow_to_other_hosts = false;  // the hub itself knows size and checksum
    const auto answer =
        CAIRN_TRY(ask_hub([&] { return request; }, options, model.reference,
                          [](const HttpResponse&, std::string_view) { return Status(); }));
    std::string checksum = answer.field("x-linked-etag");
    std::string size = answer.field("x-linked-size");
    if (checksum.empty()) checksum = answer.field("etag");
    if (size.empty()) size = answer.field("content-length");
    if (checksum.starts_with("W/")) checksum.erase(0, 2);
    std::erase(checksum, '"');
    if (is_hex(checksum, 64)) file.sha256 = checksum;
    if (is_hex(checksum, 40)) file.git_sha1 = checksum;
    const auto [end, failure] = std::from_chars(size.data(), size.data() + size.size(), file.bytes);
    file.described = failure == std::errc() && end == size.data() + size.size() && !size.empty() &&
                     (!file.sha256.empty() || !file.git_sha1.empty());
    if (file.described) return {};
    return make_error(Code::kInvalid, "the hub does not say size and checksum of " + file.path,
                      "use a hub that does: without a checksum a file cannot be trusted");
}

}  // namespace cairn::operate
