// SPDX-License-Identifier: Apache-2.0
// Models from a Hugging Face compatible hub: how one is named, what a repository holds, which of
// its files are needed, and fetching them so that every byte is checked and nothing is lost when
// the process is killed. Nothing here runs unless the user asked for it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/progress.h"
#include "cairn/base/result.h"

namespace cairn::operate {

inline constexpr const char* kPublicHub = "https://huggingface.co";

/// hf:ORG/NAME[@REVISION][:SELECTION]
struct HubReference {
    std::string repository;  ///< "Qwen/Qwen3-0.6B-GGUF"
    std::string revision;    ///< branch, tag or commit; empty: the main branch
    std::string selection;   ///< a quantisation ("Q4_K_M") or a file's path; empty: not said

    std::string text() const;
};
/// Errors: kInvalid saying the form.
Result<HubReference> parse_hub_reference(std::string_view text);

struct HttpTimeouts {
    double connect_seconds = 15;
    double silence_seconds = 30;  ///< without a byte in either direction
    std::string certificates;     ///< file of trusted authorities; empty: the system's
};

struct HubOptions {
    std::string address = kPublicHub;
    std::string token;  ///< empty: anonymous. Never printed, logged or sent to another host
    HttpTimeouts timeouts;
    int attempts = 5;             ///< in a row without one new byte
    double backoff_seconds = 1;   ///< doubles with each attempt; Retry-After goes before
    double retry_after_max = 60;  ///< a hub that wants a longer pause is an error that says so
};

/// The token of the environment (HF_TOKEN), else of `file`, else of the usual files of this user.
/// Errors: kDenied for a file that others can read, kInvalid for a token that no header can carry.
Result<std::string> find_hub_token(const std::filesystem::path& file = {});

struct HubFile {
    std::string path;  ///< relative, '/' separated, checked
    std::uint64_t bytes = 0;
    std::string sha256;      ///< of files in large storage; else empty
    std::string git_sha1;    ///< of small files: git's name of the blob
    bool described = false;  ///< size and a checksum are known
};

/// A repository at one commit.
struct HubModel {
    HubReference reference;
    std::string commit;   ///< 40 hex digits
    std::string licence;  ///< "apache-2.0"; "unknown" when the owner does not say
    std::string licence_link;
    bool gated = false;
    std::vector<HubFile> files;
};

/// Errors: kDenied (gated, private or refused: says what to do), kNotFound, kUnavailable, kInvalid
/// for an answer that is not a hub's or names files outside of the repository.
Result<HubModel> find_hub_model(const HubReference& reference, const HubOptions& options);

/// One thing that can be chosen in a repository.
struct HubChoice {
    std::string name;   ///< "Q4_K_M", "safetensors"
    std::string entry;  ///< what the engine opens: a file, or "." for the whole folder
    std::vector<HubFile> files;
    std::uint64_t bytes = 0;
};
/// All choices, smallest first. Only weights that cannot run code: pickles are refused by name when
/// a repository has nothing else.
Result<std::vector<HubChoice>> hub_choices(const HubModel& model);
/// The choice that `selection` names: a quantisation or a file; empty: the only one there is, or
/// the safetensors. Errors: kInvalid listing the choices.
Result<HubChoice> choose(const HubModel& model, const std::string& selection);

struct PullOptions {
    int jobs = 8;                                  ///< connections at a time, 1 to 16
    std::uint64_t piece_bytes = 32 * 1024 * 1024;  ///< larger files are fetched in such pieces
    ProgressSink progress;
};

struct FetchedFile {
    std::string path;
    std::uint64_t bytes = 0;
    std::string sha256;
};

/// Fetches `files` below `folder`, going on with what an earlier call left there. Every file is
/// checked against the hub's checksum; a file that does not fit is fetched once more, then refused.
/// Errors: kExhausted when the disk is too small (before anything is fetched), and the above.
Result<std::vector<FetchedFile>> fetch_files(const HubModel& model,
                                             const std::vector<HubFile>& files,
                                             const std::filesystem::path& folder,
                                             const HubOptions& hub, const PullOptions& options);

}  // namespace cairn::operate
