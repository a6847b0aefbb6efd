// SPDX-License-Identifier: Apache-2.0
// Every bound on what comes from outside, with its reason. Readers check these before they
// allocate.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cairn::limits {

inline constexpr std::uint64_t kKiB = 1024;
inline constexpr std::uint64_t kMiB = 1024 * kKiB;
inline constexpr std::uint64_t kGiB = 1024 * kMiB;

// Documents. A company's largest handbook is a few MB of text; images and scans make files larger.
inline constexpr std::uint64_t kDocumentFileBytesMax = 64 * kMiB;
inline constexpr std::uint64_t kDocumentTextBytesMax = 32 * kMiB;  // after extraction
inline constexpr std::uint64_t kArchiveEntryBytesMax = 64 * kMiB;  // one unpacked member (zip bomb)
inline constexpr std::uint64_t kArchiveTotalBytesMax = 256 * kMiB;  // all unpacked members
inline constexpr int kArchiveEntriesMax = 20'000;
inline constexpr int kArchiveRatioMax = 200;  // unpacked : packed
inline constexpr int kDocumentsMax = 1'000'000;
inline constexpr int kPathBytesMax = 4096;
inline constexpr int kMarkupDepthMax = 512;  // HTML, XML, JSON nesting
inline constexpr int kJsonDepthMax = 64;
inline constexpr std::uint64_t kJsonlLineBytesMax = 4 * kMiB;
inline constexpr int kChildSeconds = 60;  // pdftotext per file
inline constexpr std::uint64_t kChildMemoryBytes = 2 * kGiB;

// Model files.
inline constexpr std::uint64_t kGgufKeysMax = 65'536;
inline constexpr std::uint64_t kGgufTensorsMax = 65'536;
inline constexpr std::uint64_t kGgufStringBytesMax = 16 * kMiB;
inline constexpr int kGgufDimsMax = 4;
inline constexpr int kVocabularyMax = 1'000'000;
inline constexpr int kLayersMax = 1'024;
inline constexpr int kContextMax = 1 << 20;

// HTTP.
inline constexpr std::uint64_t kRequestBodyBytesMax = 8 * kMiB;
inline constexpr std::uint64_t kRequestHeaderBytesMax = 32 * kKiB;
inline constexpr int kMessagesMax = 1'024;
inline constexpr int kStopStringsMax = 16;
inline constexpr int kConnectionsMax = 256;
inline constexpr int kQueueMax = 64;  // waiting generations
inline constexpr int kRequestSeconds = 300;

}  // namespace cairn::limits
