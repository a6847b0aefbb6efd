// SPDX-License-Identifier: Apache-2.0
// Thin wrappers over libsodium and xxHash.
#include "cairn/base/hash.h"

#include <sodium.h>
#include <xxhash.h>

#include <array>
#include <cstring>
#include <new>
#include <vector>

#include "cairn/base/result.h"

namespace cairn {
namespace {

std::string to_hex(const unsigned char* bytes, std::size_t size) {
    std::string hex(size * 2 + 1, '\0');
    sodium_bin2hex(hex.data(), hex.size(), bytes, size);
    hex.pop_back();
    return hex;
}

const unsigned char* raw(std::string_view bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

crypto_hash_sha256_state* state_of(unsigned char* storage) {
    return std::launder(reinterpret_cast<crypto_hash_sha256_state*>(storage));
}

}  // namespace

std::string sha256_hex(std::string_view bytes) {
    return Sha256().add(bytes).hex();
}

Sha256::Sha256() {
    static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(state_));
    crypto_hash_sha256_init(new (state_) crypto_hash_sha256_state);
}

Sha256& Sha256::add(std::string_view bytes) {
    crypto_hash_sha256_update(state_of(state_), raw(bytes), bytes.size());
    return *this;
}

Sha256& Sha256::field(std::string_view bytes) {
    char length[8];
    for (int i = 0; i < 8; ++i) {
        length[i] = static_cast<char>(static_cast<std::uint64_t>(bytes.size()) >> (8 * i));
    }
    return add({length, sizeof(length)}).add(bytes);
}

std::string Sha256::hex() {
    std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
    crypto_hash_sha256_final(state_of(state_), digest.data());
    return to_hex(digest.data(), digest.size());
}

std::uint64_t hash64(std::string_view bytes, std::uint64_t seed) {
    return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::string random_hex(int bytes) {
    CAIRN_ASSERT(bytes >= 0 && sodium_init() >= 0);
    std::vector<unsigned char> random(static_cast<std::size_t>(bytes));
    randombytes_buf(random.data(), random.size());
    return to_hex(random.data(), random.size());
}

}  // namespace cairn
