// SPDX-License-Identifier: Apache-2.0
// Keys: what is stored is not the secret, wrong and revoked keys are refused alike.
#include "cairn/serve/keys.h"

#include <gtest/gtest.h>

namespace cairn::serve {
namespace {

class KeysTest : public testing::Test {
  protected:
    store::Database database_ = store::Database::open_memory().value();
    Keys keys_ = Keys::open(database_).value();
};

TEST_F(KeysTest, AKeyIsKnownByItsSecretAlone) {
    const NewKey key = keys_.add("acme", true).value();
    const Caller caller = keys_.check(key.secret).value();
    EXPECT_EQ(caller.tenant, "acme");
    EXPECT_EQ(caller.key_id, key.info.id);
    EXPECT_TRUE(caller.admin);
    std::string other = key.secret;
    other.back() = other.back() == '0' ? '1' : '0';
    for (const std::string& wrong :
         {other, std::string(), std::string("ck_"), key.info.id,
          key.secret.substr(0, key.secret.size() - 1), key.secret + "0"}) {
        const auto refused = keys_.check(wrong);
        ASSERT_FALSE(refused) << wrong;
        EXPECT_EQ(refused.error().code, Code::kDenied);
    }
}

TEST_F(KeysTest, TheSecretIsNotStored) {
    const NewKey key = keys_.add("acme", false).value();
    auto rows = database_.query("SELECT hash FROM keys").value();
    ASSERT_TRUE(rows.step().value());
    EXPECT_EQ(key.secret.find(rows.text(0)), std::string::npos);
    EXPECT_EQ(rows.text(0).find(key.secret), std::string::npos);
    EXPECT_EQ(rows.text(0).size(), 64u);
}

TEST_F(KeysTest, ARevokedKeyIsRefusedAndStaysListed) {
    const NewKey key = keys_.add("acme", false).value();
    ASSERT_TRUE(keys_.revoke(key.info.id));
    EXPECT_FALSE(keys_.check(key.secret));
    EXPECT_EQ(keys_.revoke(key.info.id).error().code, Code::kNotFound);
    ASSERT_EQ(keys_.list().value().size(), 1u);
    EXPECT_GT(keys_.list().value()[0].revoked_ms, 0);
}

TEST_F(KeysTest, TenantNamesAreChecked) {
    EXPECT_FALSE(keys_.add("", false));
    EXPECT_FALSE(keys_.add("a b", false));
    EXPECT_FALSE(keys_.add("a'; DROP TABLE keys; --", false));
    EXPECT_FALSE(keys_.add(std::string(65, 'a'), false));
    EXPECT_TRUE(keys_.add("Harbour-1_x.y", false));
}

}  // namespace
}  // namespace cairn::serve
