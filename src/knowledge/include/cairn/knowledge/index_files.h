// SPDX-License-Identifier: Apache-2.0
// The generations of the index: one file per digest, written once and never changed, so that a
// release keeps answering from what it was measured with, whatever is indexed later.
#pragma once

#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "cairn/base/result.h"
#include "cairn/knowledge/index.h"

namespace cairn::knowledge {

/// The folder FOLDER with files DIGEST.index. One process at a time may build or remove (the
/// workspace lock); any number may read.
class IndexFiles {
  public:
    explicit IndexFiles(std::filesystem::path folder) : folder_(std::move(folder)) {}

    /// Makes the generation that holds exactly `documents`. It begins as a copy of `previous`, if
    /// that is here, so that only changed documents are cut again. A kill leaves every finished
    /// generation as it was.
    Result<BuildReport> build(std::span<const text::Document> documents,
                              const TextBlobs& text_blobs, std::string_view previous,
                              const SearchModels& models = {});

    bool has(std::string_view digest) const;
    /// Errors: kNotFound when the generation is not here, kIo when it is not what its name says.
    Result<Index> open(std::string_view digest) const;
    /// Removes every generation that is not in `keep`; how many.
    Result<int> remove_all_but(const std::set<std::string>& keep);

  private:
    std::filesystem::path path_of(std::string_view digest) const;
    std::filesystem::path folder_;
};

}  // namespace cairn::knowledge
