// SPDX-License-Identifier: Apache-2.0
// The models of this user on disk, pulled from a hub or imported: STORE/ID/model.json and
// STORE/ID/files/. An entry is whole or absent; what is on its way lies in STORE/.partial/ID.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/progress.h"
#include "cairn/base/result.h"
#include "cairn/operate/hub.h"

namespace cairn::operate {

struct StoredModel {
    std::string id;          ///< name of its folder: "Qwen--Qwen3-0.6B--safetensors--1a2b3c4d"
    std::string source;      ///< "hf" or "import"
    HubReference reference;  ///< as it was asked for; of an import: what it stands for, or empty
    std::string commit;      ///< of the hub's repository; empty: not known
    std::string hub;         ///< address; of an import: the path it came from
    std::string choice;      ///< "Q4_K_M", "safetensors"
    std::string entry;       ///< below files/: what the engine opens; "." is the folder
    std::string licence = "unknown";
    std::string licence_link;
    std::int64_t stored_ms = 0;
    bool linked = false;  ///< the files are links to where they were imported from
    std::vector<FetchedFile> files;

    std::uint64_t bytes() const;
    /// One name for all content: SHA-256 over the files' names and checksums.
    std::string digest() const;
    nlohmann::json to_json() const;
};

struct ImportOptions {
    std::string name;   ///< the entry's id, or what it stands for ("hf:ORG/NAME@COMMIT")
    bool link = false;  ///< keep the files where they are
    ProgressSink progress;
};

class ModelStore {
  public:
    /// `folder` empty: $CAIRN_MODELS, else $XDG_DATA_HOME/cairn/models, else
    /// ~/.local/share/cairn/models. Makes nothing before something is stored.
    static Result<ModelStore> open(std::filesystem::path folder = {});

    const std::filesystem::path& folder() const { return folder_; }
    /// By id. An entry whose model.json cannot be read is an error that names it.
    Result<std::vector<StoredModel>> list() const;
    /// By id, by "model:ID" or by hub reference (the one stored last, when a revision is not said).
    /// Errors: kNotFound saying which command pulls it.
    Result<StoredModel> find(std::string_view name) const;
    /// What Model::load opens.
    std::filesystem::path path(const StoredModel& model) const;

    /// Fetches, checks that the files open, and stores. A model that is there already is returned.
    Result<StoredModel> pull(const HubModel& model, const HubChoice& choice, const HubOptions& hub,
                             const PullOptions& options);
    /// Takes a GGUF file (with its shards) or a folder with safetensors.
    Result<StoredModel> import(const std::filesystem::path& path, const ImportOptions& options);
    /// Reads every byte again. Returns the files that are not as they were stored; empty: all are.
    Result<std::vector<std::string>> verify(const StoredModel& model, ProgressSink progress) const;
    Status remove(const StoredModel& model);

  private:
    explicit ModelStore(std::filesystem::path folder) : folder_(std::move(folder)) {}
    Status publish(StoredModel& model, const std::filesystem::path& partial);
    std::filesystem::path folder_;
};

/// Reads every byte of a model that lies outside of the store (a GGUF file with its shards, or a
/// folder) and checks that it opens. Returns its files with their checksums.
Result<std::vector<FetchedFile>> read_model_files(const std::filesystem::path& path,
                                                  ProgressSink progress);

/// What a model at this path is for: "chat", "base" (writes, without a chat template), "embedder",
/// "reranker", "classifier" or "adapter". Reads headers only. Errors: those of opening them.
Result<std::string> model_kind(const std::filesystem::path& path);

/// Checks that the weights in `folder` open: every GGUF file, every safetensors header, every JSON.
Status check_model_files(const std::filesystem::path& folder,
                         const std::vector<FetchedFile>& files);

}  // namespace cairn::operate
