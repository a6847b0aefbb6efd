// SPDX-License-Identifier: Apache-2.0
// Checksums with positives and negatives, patterns with look-alikes.
#include "cairn/data/personal_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cairn::data {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> kinds(std::string_view text) {
    std::vector<std::string> found;
    for (const PersonalDataHit& hit : find_personal_data(text)) {
        found.push_back(hit.kind + "=" + std::string(hit.span.of(text)));
    }
    return found;
}

TEST(PersonalData, CardsByLuhn) {
    EXPECT_TRUE(is_valid_card("4111 1111 1111 1111"));
    EXPECT_TRUE(is_valid_card("378282246310005"));
    EXPECT_TRUE(is_valid_card("5555-5555-5555-4444"));
    EXPECT_FALSE(is_valid_card("4111 1111 1111 1112"));
    EXPECT_FALSE(is_valid_card("9111111111111111"));
    EXPECT_FALSE(is_valid_card("0000000000000000"));
    EXPECT_FALSE(is_valid_card("4111"));
    EXPECT_FALSE(is_valid_card(""));
}

TEST(PersonalData, IbansByMod97AndLength) {
    EXPECT_TRUE(is_valid_iban("DE89370400440532013000"));
    EXPECT_TRUE(is_valid_iban("GB82 WEST 1234 5698 7654 32"));
    EXPECT_TRUE(is_valid_iban("NO9386011117947"));
    EXPECT_FALSE(is_valid_iban("DE89370400440532013001"));
    EXPECT_FALSE(is_valid_iban("DE8937040044053201300"));
    EXPECT_FALSE(is_valid_iban("XX89370400440532013000"));
}

TEST(PersonalData, ChineseResidentNumbers) {
    EXPECT_TRUE(is_valid_china_id("360426199101010071"));
    EXPECT_TRUE(is_valid_china_id("11010519491231002X"));
    EXPECT_FALSE(is_valid_china_id("360426199101010072"));
    EXPECT_FALSE(is_valid_china_id("360426199113010071"));
    EXPECT_FALSE(is_valid_china_id("990426199101010071"));
}

TEST(PersonalData, OnlyGlobalAddresses) {
    EXPECT_TRUE(is_global_ipv4("8.8.8.8"));
    EXPECT_FALSE(is_global_ipv4("192.168.1.1"));
    EXPECT_FALSE(is_global_ipv4("10.0.0.1"));
    EXPECT_FALSE(is_global_ipv4("203.0.113.7"));
    EXPECT_FALSE(is_global_ipv4("256.1.1.1"));
    EXPECT_FALSE(is_global_ipv4("1.2.3"));
    EXPECT_THAT(kinds("version 10.4.2.1 at 8.8.4.4"), ElementsAre("IP=8.8.4.4"));
}

TEST(PersonalData, FindsEachKindInRunningText) {
    EXPECT_THAT(kinds("Write to m.aubin@example.com, or +44 20 7946 0112."),
                ElementsAre("EMAIL=m.aubin@example.com", "PHONE=+44 20 7946 0112"));
    EXPECT_THAT(kinds("IBAN DE89 3704 0044 0532 0130 00 BANK"),
                ElementsAre("IBAN=DE89 3704 0044 0532 0130 00"));
    EXPECT_THAT(kinds("id 360426199101010071, card 4111 1111 1111 1111, expiry 12/29"),
                ElementsAre("CN_ID=360426199101010071", "CARD=4111 1111 1111 1111"));
    EXPECT_THAT(kinds("联系电话：13812345678。"), ElementsAre("PHONE=13812345678"));
    EXPECT_THAT(kinds("call (202) 555-0143 or 202-555-0143"),
                ElementsAre("PHONE=(202) 555-0143", "PHONE=202-555-0143"));
    EXPECT_THAT(kinds("Telefon 030 23125 266"), ElementsAre("PHONE=030 23125 266"));
}

TEST(PersonalData, FindsSecrets) {
    for (const char* secret :
         {"AKIAIOSFODNN7EXAMPLE", "sk_live_EXAMPLEharbourfinch0notreal",
          "ghp_0123456789abcdefghijABCDEFGHIJ012345", "xoxb-123456789012-abcdefghij",
          "sk-proj-abcdefghijklmnopqrst0123456789", "AIzaSyA0123456789abcdefghijklmnopqrstuv",
          "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefgh12345678"}) {
        EXPECT_THAT(kinds(std::string("key ") + secret + " end"),
                    ElementsAre(std::string("SECRET=") + secret));
    }
    EXPECT_THAT(kinds("password: Xk9#mQ2vLp7!"), ElementsAre("SECRET=Xk9#mQ2vLp7!"));
    EXPECT_EQ(
        kinds("-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----").size(), 1U);
}

TEST(PersonalData, LookAlikesAreLeftAlone) {
    EXPECT_THAT(kinds("Order 4477437, article HF-10231, PO-25-03387, form W-2"), IsEmpty());
    EXPECT_THAT(kinds("From 2025-06-17 to 2025-06-30, 1,150 euro, page 12 of 240"), IsEmpty());
    EXPECT_THAT(kinds("password: must be at least 12 characters"), IsEmpty());
    EXPECT_THAT(kinds("the token is required-for-everybody"), IsEmpty());
    EXPECT_THAT(kinds("ISBN 978-3-16-148410-0 and 20 000 000 000"), IsEmpty());
    EXPECT_THAT(kinds("@channel a@b x@y. 12@"), IsEmpty());
    EXPECT_THAT(kinds("batch 4111111111111112 of 4111 1111 1111 1111 1111 1111"), IsEmpty());
    EXPECT_THAT(kinds(""), IsEmpty());
}

TEST(PersonalData, TheSamePersonHasOneKey) {
    auto one = find_personal_data("+44 20 7946 0112");
    auto two = find_personal_data("+44 (20) 7946-0112");
    ASSERT_EQ(one.size(), 1U);
    ASSERT_EQ(two.size(), 1U);
    EXPECT_EQ(one[0].key, two[0].key);
    EXPECT_NE(find_personal_data("a-b@c.de")[0].key, find_personal_data("ab@c.de")[0].key)
        << "two mailboxes had one pseudonym";
    EXPECT_EQ(find_personal_data("A@B.DE")[0].key, find_personal_data("a@b.de")[0].key);
}

TEST(PersonalData, LongRunsOfDigitsTakeLinearTime) {
    std::string digits(200'000, '1');
    EXPECT_THAT(kinds(digits), IsEmpty());
    std::string dashes;
    for (int i = 0; i < 50'000; ++i) {
        dashes += "1-";
    }
    EXPECT_THAT(kinds(dashes), IsEmpty());
}

}  // namespace
}  // namespace cairn::data
