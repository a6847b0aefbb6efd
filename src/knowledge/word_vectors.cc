// SPDX-License-Identifier: Apache-2.0
// File: "CWV1", width and count as 32-bit little-endian numbers, the words between '\n', the rows.
#include "cairn/knowledge/word_vectors.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "embedded/words.h"

namespace cairn::knowledge {
namespace {

constexpr std::string_view kMagic = "CWV1";
constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kWidthMax = 1024;
constexpr std::size_t kWordsMax = 1'000'000;

void put_number(std::string& out, std::size_t number) {
    for (int i = 0; i < 4; ++i) {
        out += static_cast<char>(number >> (8 * i) & 0xFF);
    }
}

std::size_t get_number(std::string_view bytes, std::size_t at) {
    std::size_t number = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        number |= static_cast<std::size_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
    }
    return number;
}

}  // namespace

WordVectors WordVectors::from_floats(std::vector<std::string> words, std::span<const float> values,
                                     std::size_t width) {
    WordVectors out;
    out.width_ = width;
    out.words_ = std::move(words);
    out.values_.resize(out.words_.size() * width);
    // The mean says how frequent a word is rather than what it means.
    std::vector<double> mean(width);
    for (std::size_t i = 0; i < out.values_.size(); ++i) {
        mean[i % width] +=
            values[i] / static_cast<double>(std::max<std::size_t>(out.words_.size(), 1));
    }
    for (std::size_t row = 0; row < out.words_.size(); ++row) {
        double largest = 1e-12;
        for (std::size_t i = 0; i < width; ++i) {
            largest = std::max(largest, std::abs(values[row * width + i] - mean[i]));
        }
        for (std::size_t i = 0; i < width; ++i) {
            const double value = (values[row * width + i] - mean[i]) / largest * 127;
            out.values_[row * width + i] = static_cast<std::int8_t>(std::lround(value));
        }
    }
    out.index();
    return out;
}

Result<WordVectors> WordVectors::parse(std::string_view bytes) {
    if (bytes.size() < kHeaderBytes || !bytes.starts_with(kMagic)) {
        return make_error(Code::kInvalid, "word vectors: expected a file that begins with CWV1");
    }
    WordVectors out;
    out.width_ = get_number(bytes, 4);
    const std::size_t count = get_number(bytes, 8);
    if (out.width_ == 0 || out.width_ > kWidthMax || count > kWordsMax) {
        return make_error(Code::kInvalid, "word vectors: " + std::to_string(count) +
                                              " words of width " + std::to_string(out.width_) +
                                              " are out of bounds");
    }
    std::size_t at = kHeaderBytes;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t end = bytes.find('\n', at);
        if (end == std::string_view::npos) {
            return make_error(Code::kInvalid, "word vectors: the list of words is cut off");
        }
        out.words_.emplace_back(bytes.substr(at, end - at));
        at = end + 1;
    }
    if (bytes.size() - at != count * out.width_) {
        return make_error(Code::kInvalid,
                          "word vectors: expected " + std::to_string(count * out.width_) +
                              " bytes of values, found " + std::to_string(bytes.size() - at));
    }
    out.values_.resize(count * out.width_);
    std::memcpy(out.values_.data(), bytes.data() + at, out.values_.size());
    out.index();
    return out;
}

std::string WordVectors::serialise() const {
    std::string out(kMagic);
    put_number(out, width_);
    put_number(out, words_.size());
    for (const std::string& word : words_) {
        out += word + "\n";
    }
    out.append(reinterpret_cast<const char*>(values_.data()), values_.size());
    return out;
}

void WordVectors::index() {
    scales_.resize(words_.size());
    for (std::size_t row = 0; row < words_.size(); ++row) {
        ids_.emplace(words_[row], static_cast<std::int32_t>(row));
        double squares = 0;
        for (std::size_t i = 0; i < width_; ++i) {
            const double value = values_[row * width_ + i];
            squares += value * value;
        }
        scales_[row] = squares > 0 ? static_cast<float>(1 / std::sqrt(squares)) : 0.0F;
    }
}

std::int32_t WordVectors::find(std::string_view term) const {
    const auto found = ids_.find(std::string(term));
    return found == ids_.end() ? -1 : found->second;
}

double WordVectors::cosine(std::int32_t a, std::int32_t b) const {
    const std::int8_t* x = values_.data() + static_cast<std::size_t>(a) * width_;
    const std::int8_t* y = values_.data() + static_cast<std::size_t>(b) * width_;
    std::int32_t dot = 0;
    for (std::size_t i = 0; i < width_; ++i) {
        dot += x[i] * y[i];
    }
    return static_cast<double>(dot) * scales_[static_cast<std::size_t>(a)] *
           scales_[static_cast<std::size_t>(b)];
}

const WordVectors& WordVectors::bundled() {
    static const WordVectors vectors = [] {
        auto parsed = parse(embedded::words().front().bytes);
        CAIRN_ASSERT(parsed.has_value());
        return std::move(*parsed);
    }();
    return vectors;
}

std::vector<std::pair<std::string, double>> WordVectors::nearest(std::string_view term,
                                                                 int count) const {
    std::vector<std::pair<std::string, double>> out;
    const std::int32_t id = find(term);
    for (std::int32_t other = 0; id >= 0 && other < static_cast<std::int32_t>(size()); ++other) {
        if (other != id) {
            out.emplace_back(words_[static_cast<std::size_t>(other)], cosine(id, other));
        }
    }
    const auto end = out.begin() + std::min<std::ptrdiff_t>(count, std::ssize(out));
    std::partial_sort(out.begin(), end, out.end(), [](const auto& a, const auto& b) {
        return a.second != b.second ? a.second > b.second : a.first < b.first;
    });
    out.erase(end, out.end());
    return out;
}

}  // namespace cairn::knowledge
