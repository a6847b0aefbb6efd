// SPDX-License-Identifier: Apache-2.0
// Lines, JSON lines and CSV: limits, places of errors, nothing lost.
#include <gtest/gtest.h>
#include <zstd.h>

#include <nlohmann/json.hpp>

#include "cairn/base/files.h"
#include "cairn/format/csv.h"
#include "cairn/format/jsonl.h"

namespace cairn::format {
namespace {

using Cells = std::vector<std::string>;

std::string pack(std::string_view text) {
    std::string packed(ZSTD_compressBound(text.size()), '\0');
    packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
    return packed;
}

/// The lines of a file with this content, or the message of the first error.
Cells lines_of(const std::string& content, const char* name = "f.txt",
               std::uint64_t line_bytes_max = 1 << 20) {
    ScopedFolder folder("lines");
    EXPECT_TRUE(write_file_atomic(folder.path() / name, content));
    LineReader reader = LineReader::open(folder.path() / name, line_bytes_max).value();
    Cells lines;
    for (std::string line;;) {
        const Result<bool> more = reader.next(line);
        if (!more) lines.push_back("error: " + more.error().message);
        if (!more || !*more) return lines;
        EXPECT_EQ(reader.line_number(), lines.size() + 1);
        lines.push_back(line);
    }
}

TEST(Lines, CutsAtLineEnds) {
    EXPECT_EQ(lines_of(""), Cells{});
    EXPECT_EQ(lines_of("a\r\n\nb"), (Cells{"a", "", "b"}));
    EXPECT_EQ(lines_of("\xEF\xBB\xBF"
                       "a\n"),
              Cells{"a"});
    const std::string longest(300'000, 'x');  // longer than the buffer
    EXPECT_EQ(lines_of(longest + "\nend\n"), (Cells{longest, "end"}));
}

TEST(Lines, UnpacksZstdAndSeesDamage) {
    std::string text;
    for (int i = 0; i < 50'000; ++i) {
        text += "line " + std::to_string(i) + "\n";
    }
    const std::string packed = pack(text);
    EXPECT_EQ(lines_of(packed, "f.zst").size(), 50'000U);
    EXPECT_EQ(lines_of(pack("a\n") + pack("b\n"), "f.zst"), (Cells{"a", "b"}));
    EXPECT_NE(lines_of(packed.substr(0, packed.size() - 5), "f.zst").back().find("ends inside"),
              std::string::npos);
    EXPECT_NE(lines_of("plain text", "f.zst").back().find("zstd packing"), std::string::npos);
}

TEST(Lines, BoundsALineEvenIfItUnpacksToGigabytes) {
    EXPECT_NE(lines_of("short\n" + std::string(100, 'x'), "f.txt", 50)
                  .back()
                  .find(":2: expected lines of at most 50"),
              std::string::npos);
    EXPECT_NE(
        lines_of(pack(std::string(200 << 20, 'x')), "f.zst", 1000).back().find("at most 1000"),
        std::string::npos);
    EXPECT_FALSE(LineReader::open("/nowhere/at/all"));
}

TEST(Jsonl, ReadsValuesAndGoesOnBehindAnError) {
    ScopedFolder folder("jsonl");
    const auto path = folder.path() / "f.jsonl";
    ASSERT_TRUE(write_file_atomic(path, "{\"a\":1}\n\n  \nnot json\n[2]\n"));
    JsonlReader reader = JsonlReader::open(path).value();
    nlohmann::json value;
    EXPECT_TRUE(reader.next(value).value());
    EXPECT_EQ(value["a"], 1);
    const auto error = reader.next(value);
    ASSERT_FALSE(error);
    EXPECT_NE(error.error().message.find("f.jsonl:4"), std::string::npos) << error.error().message;
    EXPECT_TRUE(reader.next(value).value());
    EXPECT_EQ(value[0], 2);
    EXPECT_FALSE(reader.next(value).value());
    EXPECT_EQ(reader.bytes_read(), reader.bytes_total());
}

TEST(Jsonl, WritesWhatItReads) {
    ScopedFolder folder("jsonl");
    const std::vector<nlohmann::json> values = {{{"b", "ü\n"}, {"a", 1}}, nlohmann::json::array()};
    ASSERT_TRUE(write_jsonl(folder.path() / "f.jsonl", values));
    EXPECT_EQ(read_file(folder.path() / "f.jsonl", 1000).value(), "{\"a\":1,\"b\":\"ü\\n\"}\n[]\n");
}

TEST(Csv, ReadsQuotesLineEndsAndSpans) {
    const std::string text = "id,name\r\n1,\"Finch, \"\"H\"\"\nLtd\"\n\n2,x\"y,\n";
    const CsvTable table = read_csv(text).value();
    ASSERT_EQ(table.rows.size(), 3U);
    EXPECT_EQ(table.rows[1].cells, (Cells{"1", "Finch, \"H\"\nLtd"}));
    EXPECT_EQ(table.rows[2].cells, (Cells{"2", "x\"y", ""}));
    EXPECT_EQ(text.substr(table.rows[0].begin, table.rows[0].end - table.rows[0].begin), "id,name");
    EXPECT_EQ(table.rows[2].line, 5U);
}

TEST(Csv, FindsTheDelimiter) {
    EXPECT_EQ(read_csv("a;b;c\n1,5;2,5;3\n").value().delimiter, ';');
    EXPECT_EQ(read_csv("a\tb\n1\t2, 3\n").value().delimiter, '\t');
    EXPECT_EQ(read_csv("a|b\n1|2\n").value().delimiter, '|');
    EXPECT_EQ(read_csv("one column\nonly\n").value().delimiter, ',');
    EXPECT_EQ(read_csv("\"a;b\",c\n\"d;e\",f\n").value().delimiter, ',');
    EXPECT_TRUE(read_csv("").value().rows.empty());
}

TEST(Csv, NamesTheLineOfAnOpenQuote) {
    const auto table = read_csv("a,b\n1,\"never closed\n2,3\n", ',');
    ASSERT_FALSE(table);
    EXPECT_NE(table.error().message.find("line 2"), std::string::npos);
}

TEST(Csv, WritesCellsThatNoSpreadsheetRuns) {
    EXPECT_EQ(csv_line(Cells{"a", "b c", "d\"e", "f,g"}), "a,b c,\"d\"\"e\",\"f,g\"\n");
    EXPECT_EQ(csv_line(Cells{"=1+1", "+cmd|x", "@SUM", "-2.50", "+49", "-"}),
              "'=1+1,'+cmd|x,'@SUM,-2.50,+49,'-\n");
    const Cells cells = {"x", "", "two\nlines", " space "};
    EXPECT_EQ(read_csv(csv_line(cells, ';'), ';').value().rows[0].cells, cells);
    EXPECT_EQ(csv_line(Cells{""}), "\"\"\n");
}

}  // namespace
}  // namespace cairn::format
