// SPDX-License-Identifier: Apache-2.0
// Content-addressed files: a blob is named by its SHA-256, written whole or not at all, and checked
// whenever it is read.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "cairn/base/limits.h"
#include "cairn/base/result.h"

namespace cairn::store {

class BlobStore {
  public:
    explicit BlobStore(std::filesystem::path folder) : folder_(std::move(folder)) {}

    /// Durable before it returns; the digest. Putting the same content again changes nothing.
    Result<std::string> put(std::string_view content);
    /// Errors: kInvalid (no digest), kNotFound, kIo when the content is not what its name says.
    Result<std::string> get(std::string_view digest, std::uint64_t bytes_max = limits::kGiB) const;
    bool has(std::string_view digest) const;
    /// Where the blob lies: FOLDER/ab/cdef... Errors: kInvalid when `digest` is not 64 hexadecimal
    /// digits.
    Result<std::filesystem::path> path(std::string_view digest) const;

  private:
    std::filesystem::path folder_;
};

}  // namespace cairn::store
