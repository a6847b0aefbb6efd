// SPDX-License-Identifier: Apache-2.0
// Fields in a fixed order, little endian, and an XXH3 hash of all bytes at the end.
#include "cairn/train/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "cairn/base/files.h"
#include "cairn/base/hash.h"
#include "cairn/base/limits.h"

namespace cairn::train {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kMagic = "cairnck1";
constexpr std::uint64_t kFileBytesMax = 64 * limits::kGiB;
constexpr std::size_t kKept = 2;

template <typename T>
void put(std::string& out, const T& value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

void put_text(std::string& out, std::string_view text) {
    put(out, static_cast<std::uint64_t>(text.size()));
    out.append(text);
}

/// Reads fields in the order of writing; `good` turns false at the first one that does not fit.
struct Fields {
    std::string_view rest;
    bool good = true;

    template <typename T>
    T number() {
        T value{};
        if (rest.size() < sizeof(T)) {
            good = false;
            return value;
        }
        std::memcpy(&value, rest.data(), sizeof(T));
        rest.remove_prefix(sizeof(T));
        return value;
    }
    std::string_view bytes(std::uint64_t size) {
        if (!good || rest.size() < size) {
            good = false;
            return {};
        }
        const std::string_view part = rest.substr(0, size);
        rest.remove_prefix(size);
        return part;
    }
    std::string text() { return std::string(bytes(number<std::uint64_t>())); }
};

std::string encode(const Checkpoint& checkpoint) {
    std::string out(kMagic);
    put_text(out, checkpoint.run);
    put(out, checkpoint.step);
    put(out, checkpoint.position);
    for (std::uint64_t word : checkpoint.rng)
        put(out, word);
    put_text(out, checkpoint.notes);
    put(out, static_cast<std::uint64_t>(checkpoint.arrays.size()));
    for (const auto& [name, values] : checkpoint.arrays) {
        put_text(out, name);
        put_text(out,
                 {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
    }
    put(out, hash64(out));
    return out;
}

std::optional<Checkpoint> decode(std::string_view bytes) {
    if (!bytes.starts_with(kMagic) || bytes.size() < kMagic.size() + 8) return std::nullopt;
    std::uint64_t hash = 0;
    std::memcpy(&hash, bytes.data() + bytes.size() - 8, 8);
    if (hash64(bytes.substr(0, bytes.size() - 8)) != hash) return std::nullopt;
    Fields fields{bytes.substr(kMagic.size(), bytes.size() - kMagic.size() - 8)};
    Checkpoint checkpoint;
    checkpoint.run = fields.text();
    checkpoint.step = fields.number<std::int64_t>();
    checkpoint.position = fields.number<std::int64_t>();
    for (std::uint64_t& word : checkpoint.rng)
        word = fields.number<std::uint64_t>();
    checkpoint.notes = fields.text();
    const auto arrays = fields.number<std::uint64_t>();
    for (std::uint64_t i = 0; i < arrays && fields.good; ++i) {
        const std::string name = fields.text();
        const std::string_view data = fields.bytes(fields.number<std::uint64_t>());
        std::vector<float> values(data.size() / sizeof(float));
        if (!values.empty()) std::memcpy(values.data(), data.data(), values.size() * sizeof(float));
        checkpoint.arrays.emplace(name, std::move(values));
    }
    if (!fields.good) return std::nullopt;
    return checkpoint;
}

/// Newest first: the step number in the name has a fixed width.
std::vector<fs::path> checkpoint_files(const fs::path& folder) {
    std::vector<fs::path> files;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with("step-") && name.ends_with(".ckpt")) files.push_back(entry.path());
    }
    std::sort(files.rbegin(), files.rend());
    return files;
}

}  // namespace

Status save_checkpoint(const fs::path& folder, const Checkpoint& checkpoint) {
    CAIRN_TRY(make_folders(folder));
    const fs::path path = folder / fmt::format("step-{:010}.ckpt", checkpoint.step);
    CAIRN_TRY(write_file_atomic(path, encode(checkpoint)));
    const std::vector<fs::path> files = checkpoint_files(folder);
    for (std::size_t i = kKept; i < files.size(); ++i) {
        std::error_code ignored;
        fs::remove(files[i], ignored);
    }
    return {};
}

Result<std::optional<Checkpoint>> load_checkpoint(const fs::path& folder, const std::string& run) {
    bool other_run = false;
    for (const fs::path& path : checkpoint_files(folder)) {
        const std::string bytes = CAIRN_TRY(read_file(path, kFileBytesMax));
        std::optional<Checkpoint> checkpoint = decode(bytes);
        if (!checkpoint) continue;
        if (checkpoint->run == run) return checkpoint;
        other_run = true;
    }
    if (other_run) {
        return make_error(Code::kInvalid,
                          fmt::format("expected a checkpoint of run {}, found another run's in {}",
                                      run.substr(0, 12), folder.string()),
                          "use another folder, or remove the old checkpoints");
    }
    return std::optional<Checkpoint>();
}

}  // namespace cairn::train
