// SPDX-License-Identifier: Apache-2.0
// Two hashes: SHA-256 (libsodium) names content for ever, XXH3-64 is for tables and sketches inside
// one version.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cairn {

/// Lower-case hex SHA-256, 64 characters.
std::string sha256_hex(std::string_view bytes);

/// Incremental SHA-256. `field` frames each part by its length, so that different splits give
/// different digests.
class Sha256 {
  public:
    Sha256();
    Sha256& add(std::string_view bytes);
    Sha256& field(std::string_view bytes);
    std::string hex();  ///< finishes; call once

  private:
    alignas(64) unsigned char state_[128];
};

std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0);

/// `bytes` random bytes from the operating system, as lower-case hex.
std::string random_hex(int bytes);

}  // namespace cairn
