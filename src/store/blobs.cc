// SPDX-License-Identifier: Apache-2.0
// Blobs as files in 256 folders. A damaged blob is never handed out, and putting its content again
// heals it.
#include "cairn/store/blobs.h"

#include <algorithm>

#include "cairn/base/files.h"
#include "cairn/base/hash.h"

namespace cairn::store {

Result<std::filesystem::path> BlobStore::path(std::string_view digest) const {
    const bool hex = std::all_of(digest.begin(), digest.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    });
    if (digest.size() == 64 && hex) return folder_ / digest.substr(0, 2) / digest.substr(2);
    return make_error(Code::kInvalid,
                      "expected a SHA-256 digest of 64 hexadecimal digits, found '" +
                          std::string(digest.substr(0, 80)) + "'");
}

Result<std::string> BlobStore::put(std::string_view content) {
    const std::string digest = sha256_hex(content);
    const auto existing = get(digest, content.size());
    if (existing) return digest;
    const std::filesystem::path file = CAIRN_TRY(path(digest));
    CAIRN_TRY(make_folders(file.parent_path()));
    CAIRN_TRY(write_file_atomic(file, content));
    return digest;
}

Result<std::string> BlobStore::get(std::string_view digest, std::uint64_t bytes_max) const {
    const std::filesystem::path file = CAIRN_TRY(path(digest));
    auto content = read_file(file, bytes_max);
    if (!content) return content.error();
    if (sha256_hex(*content) == digest) return content;
    return make_error(Code::kIo,
                      file.string() + ": expected the content that its name says, found other",
                      "the disk changed it: restore a backup, or run the step again");
}

bool BlobStore::has(std::string_view digest) const {
    const auto file = path(digest);
    std::error_code failed;
    return file && std::filesystem::is_regular_file(*file, failed);
}

}  // namespace cairn::store
