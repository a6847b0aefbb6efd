// SPDX-License-Identifier: Apache-2.0
// Mail: headers, alternatives, character sets, quotations, attachments, hostile nesting.
#include <gmock/gmock.h>

#include "readers/test_document.h"

namespace cairn::data {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kHead =
    "From: Wen Liu <wen@x.example>\nTo: Hilde <h@y.example>\n"
    "Subject: =?UTF-8?B?w5xiZXJ3ZWlzdW5n?=\nDate: Tue, 17 Jun 2025 10:31:00 +0200\n"
    "MIME-Version: 1.0\n";

std::string mail(std::string_view rest) {
    return std::string(kHead) + std::string(rest);
}

TEST(ReadMail, HeadersBodyAndQuotation) {
    text::Document document = read_or_fail(
        "a.eml", mail("Content-Type: text/plain; charset=utf-8\n\nWe accept.\n\n"
                      "On Mon, 16 Jun 2025 at 15:12, Hilde wrote:\n> for 800 kits I can offer\n"
                      "> 17.80 euro\n"));
    EXPECT_EQ(document.title, "Überweisung");
    EXPECT_THAT(document.text, HasSubstr("From: Wen Liu <wen@x.example>\n"));
    EXPECT_THAT(document.text, HasSubstr("Date: Tue, 17 Jun 2025 10:31:00 +0200\n"));
    EXPECT_THAT(document.text, HasSubstr("\nfor 800 kits I can offer\n17.80 euro\n"));
    ASSERT_EQ(document.sections.size(), 2U);
    EXPECT_THAT(document.sections[1].heading_path[1], HasSubstr("Hilde wrote:"));
    expect_covering_sections(document);
}

TEST(ReadMail, ThePlainAlternativeIsTakenOnce) {
    text::Document document =
        read_or_fail("a.eml", mail("Content-Type: multipart/alternative; boundary=b\n\n--b\n"
                                   "Content-Type: text/plain\n\nplain words\n--b\n"
                                   "Content-Type: text/html\n\n<p>html words</p>\n--b--\n"));
    EXPECT_THAT(document.text, HasSubstr("plain words"));
    EXPECT_THAT(document.text, Not(HasSubstr("html words")));
}

TEST(ReadMail, HtmlOnlyIsReadAsText) {
    EXPECT_THAT(
        read_or_fail("a.eml", mail("Content-Type: text/html\n\n<p>Dear <b>Hilde</b></p>")).text,
        HasSubstr("Dear Hilde"));
}

TEST(ReadMail, CharacterSetsAndTransferEncodings) {
    EXPECT_THAT(read_or_fail("a.eml", mail("Content-Type: text/plain; charset=iso-8859-1\n"
                                           "Content-Transfer-Encoding: quoted-printable\n\n"
                                           "Gr=FC=DFe\n"))
                    .text,
                HasSubstr("Grüße"));
    // A character set that nobody knows does not lose the mail.
    EXPECT_THAT(
        read_or_fail("a.eml", mail("Content-Type: text/plain; charset=no-such-thing\n\nhello\n"))
            .text,
        HasSubstr("hello"));
}

TEST(ReadMail, AttachmentsAreListedAndReadWhenKnown) {
    text::Document document = read_or_fail(
        "a.eml", mail("Content-Type: multipart/mixed; boundary=b\n\n--b\n"
                      "Content-Type: text/plain\n\nsee the list\n--b\n"
                      "Content-Type: text/csv\nContent-Disposition: attachment; "
                      "filename=\"list.csv\"\n\nname,fee\nA1,12\n--b\n"
                      "Content-Type: image/png\nContent-Disposition: attachment; "
                      "filename=\"x.png\"\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo=\n"
                      "--b--\n"));
    EXPECT_THAT(document.text, HasSubstr("Attachment: list.csv\n\nname: A1; fee: 12\n"));
    EXPECT_THAT(document.text, HasSubstr("Attachment: x.png\n(not read: an image"));
}

TEST(ReadMail, DeepNestingComesBack) {
    std::string bytes(kHead);
    for (int i = 0; i < 5'000; ++i) {
        std::string b = "b" + std::to_string(i);
        bytes += "Content-Type: multipart/mixed; boundary=" + b + "\n\n--" + b + "\n";
    }
    (void)read_document({"test", "a.eml", bytes});
    std::string nested(kHead);
    for (int i = 0; i < 5'000; ++i) {
        nested += "Content-Type: message/rfc822\n\nSubject: x\n";
    }
    (void)read_document({"test", "a.eml", nested});
}

TEST(ReadMail, BytesThatAreNoMailAreAnError) {
    Result<ReadOutcome> read = read_document({"test", "a.eml", "just some words\nand more\n"});
    if (read) {
        EXPECT_FALSE(read->document.text.empty());
    } else {
        EXPECT_EQ(read.error().code, Code::kInvalid);
    }
}

}  // namespace
}  // namespace cairn::data
