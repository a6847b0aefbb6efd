// SPDX-License-Identifier: Apache-2.0
// Embedded files have the names and the bytes of the files they were made from.
#include <gtest/gtest.h>

#include <string>

#include "cairn/base/files.h"
#include "cairn/base/limits.h"
#include "embedded/sample.h"

namespace cairn {
namespace {

TEST(EmbedTest, BytesAreThoseOfTheFiles) {
    const auto files = embedded::sample();
    ASSERT_EQ(files.size(), 2U);
    EXPECT_EQ(files[0].path, "LICENSE");
    EXPECT_EQ(files[1].path, "cmake/Embed.cmake");
    for (const EmbeddedFile& file : files) {
        const auto disk =
            read_file(std::string(CAIRN_SOURCE_DIR) + "/" + std::string(file.path), limits::kMiB);
        ASSERT_TRUE(disk) << disk.error().to_string();
        EXPECT_EQ(file.bytes, *disk);
    }
}

}  // namespace
}  // namespace cairn
