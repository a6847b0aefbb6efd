// SPDX-License-Identifier: Apache-2.0
// Every rule of tidy catches its violation and lets the right way pass.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tidy_rules.h"

namespace cairn::tidy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kHead =
    "// SPDX-License-Identifier: Apache-2.0\n// What this file is for, in words.\n";
const RoomUses kRooms{{"text", {"text", "base"}}, {"base", {"base"}}};

/// "line rule" of each finding in a file of the room text.
std::vector<std::string> findings_of(const std::string& body,
                                     const std::string& path = "src/text/a.cc") {
    std::vector<std::string> found;
    for (const Finding& finding : check_file(path, kHead + body, kRooms)) {
        found.push_back(std::to_string(finding.line) + " " + finding.rule);
    }
    return found;
}

std::string lines(int count, const std::string& line) {
    std::string text;
    for (int i = 0; i < count; ++i)
        text += line + "\n";
    return text;
}

TEST(Tidy, WantsLicenceAndPurpose) {
    EXPECT_THAT(findings_of("int x;\n"), IsEmpty());
    EXPECT_EQ(check_file("src/text/a.cc", "int x;\n", kRooms).at(0).rule, "header");
    EXPECT_EQ(
        check_file("src/text/a.cc", "// SPDX-License-Identifier: Apache-2.0\nint x;\n", kRooms)
            .at(0)
            .line,
        2);
    EXPECT_EQ(check_file("web/src/a.ts", "let x;\n", kRooms).at(0).rule, "header");
    EXPECT_THAT(findings_of("int x;\n", "src/text/a.h"), ElementsAre("1 header"));
    EXPECT_THAT(findings_of("#pragma once\n", "src/text/a.h"), IsEmpty());
}

TEST(Tidy, CountsColumnsInCharacters) {
    EXPECT_THAT(findings_of("//" + std::string(98, 'x') + "\n"), IsEmpty());
    EXPECT_THAT(findings_of("//" + std::string(99, 'x') + "\n"), ElementsAre("3 columns"));
    std::string umlauts = "//";
    for (int i = 0; i < 98; ++i)
        umlauts += "ä";
    EXPECT_THAT(findings_of(umlauts + "\n"), IsEmpty());
}

TEST(Tidy, BoundsFilesAndFunctions) {
    EXPECT_THAT(findings_of(lines(799, "int x;")), ElementsAre("1 file"));
    EXPECT_THAT(findings_of("void f() {\n" + lines(68, "    g();") + "}\n"), IsEmpty());
    EXPECT_THAT(findings_of("void f() {\n" + lines(69, "    g();") + "}\n"),
                ElementsAre("3 function"));
    EXPECT_THAT(findings_of("Foo::Foo(int a,\n         int b)\n    : x(a),\n      y{b} {\n" +
                            lines(70, "    g();") + "}\n"),
                ElementsAre("3 function"));
    EXPECT_THAT(findings_of("struct S {\n    int f() const {\n" + lines(80, "        g();") +
                            "    }\n};\n"),
                ElementsAre("4 function"));
    EXPECT_THAT(findings_of("TEST(A, B) {\n" + lines(80, "    g();") + "}\n"),
                ElementsAre("3 function"));
    EXPECT_THAT(findings_of("constexpr int kTable[] = {\n" + lines(90, "    f(1),") + "};\n"),
                IsEmpty());
    EXPECT_THAT(findings_of("namespace a {\n" + lines(90, "int f(int);") + "}\n"), IsEmpty());
}

TEST(Tidy, KnowsTheBannedCalls) {
    for (const char* bad : {"std::stoi(s)", "stod(s)", "rand()", "std::rand()", "sprintf(b, c)",
                            "::system(c)", "popen(c)", "std::regex r", "out << std::endl",
                            "throw x", "std::printf(a)", "atoi(s)", "std::random_device r"}) {
        EXPECT_THAT(findings_of(std::string("auto x = ") + bad + ";\n"), ElementsAre("3 banned"))
            << bad;
    }
    for (const char* good :
         {"snprintf(b, n, c)", "fprintf(f, c)", "system_clock::now()", "runner.system(c)",
          "from_chars(s)", "operand(x)", "\"rand()\"", "f(/* throw */)", "1; // std::stoi(s)",
          "std::rethrow(x)", "R\"(rand() \" throw)\"", "1'000; char q = '\"'; g(\"throw\")"}) {
        EXPECT_THAT(findings_of(std::string("auto x = ") + good + ";\n"), IsEmpty()) << good;
    }
    EXPECT_THAT(findings_of("auto x = printf(a);\n", "src/cli/a.cc"), IsEmpty());
    EXPECT_THAT(findings_of("// TO"
                            "DO: later\n"),
                ElementsAre("3 todo"));
    EXPECT_EQ(check_file("src/text/CMakeLists.txt",
                         "# SPDX-License-Identifier: Apache-2.0\nset(f -ffast-math)\n", kRooms)
                  .at(0)
                  .rule,
              "banned");
}

TEST(Tidy, KeepsRoomsApart) {
    EXPECT_THAT(findings_of("#include \"cairn/base/files.h\"\n#include \"cairn/text/a.h\"\n"),
                IsEmpty());
    EXPECT_THAT(findings_of("#include \"cairn/store/store.h\"\n"), ElementsAre("3 room"));
    EXPECT_THAT(findings_of("#include \"../store/store.h\"\n"), ElementsAre("3 include"));
}

TEST(Tidy, ReadsTheListsOfRooms) {
    const RoomUses rooms = parse_may_use(
        "# set(CAIRN_MAY_USE_no x)\nset(CAIRN_MAY_USE_base)\nset(CAIRN_MAY_USE_text base)");
    EXPECT_THAT(rooms.at("text"), ElementsAre("base", "text"));
    EXPECT_EQ(rooms.size(), 2U);
    EXPECT_THAT(parse_uses("cairn_room(data\n  USES base text # store\n  USES_PRIVATE format\n"
                           "  HEADERS a.h\n  LIBRARIES fmt::fmt)",
                           "data"),
                ElementsAre("base", "data", "format", "text"));
}

TEST(Tidy, ExemptionsNeedAReasonAndANeed) {
    std::vector<Finding> findings{{"a.cc", 3, "columns", "m"}, {"a.cc", 4, "todo", "m"}};
    auto exemptions = parse_exemptions(
        "list", "# words\na.cc columns a table that reads better wide\nb.cc file big\nc.cc file\n",
        findings);
    const auto left = apply_exemptions(findings, exemptions, "list");
    ASSERT_EQ(left.size(), 3U);
    EXPECT_EQ(left[0].rule, "todo");
    EXPECT_THAT(left[1].message, HasSubstr("expected 'PATH RULE reason'"));
    EXPECT_THAT(left[2].message, HasSubstr("none of 'file' in b.cc"));
}

TEST(Tidy, BlanksOnlyWhatIsNotCode) {
    EXPECT_EQ(blank_comments_and_literals("a /* b\nc */ d // e\n"), "a     \n     d     \n");
    EXPECT_EQ(blank_comments_and_literals("f(\"a\\\"b\", 'c')"), "f(\"    \", ' ')");
}

}  // namespace
}  // namespace cairn::tidy
