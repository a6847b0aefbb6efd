// SPDX-License-Identifier: Apache-2.0
// The hub client against a hub that speaks the real protocol and a hub that lies, stalls, cuts,
// redirects in circles and tries to write outside of the folder.
#include "cairn/operate/hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "hub_client.h"
#include "test_hub.h"
#include "test_proxy.h"

namespace cairn::operate {
namespace {

using ::testing::HasSubstr;
using testing::head;
using ::testing::Not;
using testing::Seen;
using testing::Send;
using testing::TestCertificate;
using testing::TestHub;
using testing::TestProxy;
using testing::TestServer;

constexpr const char* kToken = "hf_secret_of_the_test";

std::string random_text(std::size_t size) {
    std::string text;
    for (std::uint64_t at = 0; text.size() < size; ++at) {
        const std::uint64_t value = hash64("x", at);
        text.append(reinterpret_cast<const char*>(&value), sizeof(value));
    }
    return text.substr(0, size);
}

HubOptions quick(const std::string& address) {
    HubOptions options;
    options.address = address;
    options.backoff_seconds = 0.01;
    options.timeouts.silence_seconds = 1;
    options.timeouts.connect_seconds = 5;
    return options;
}

PullOptions small_pieces() {
    PullOptions options;
    options.jobs = 4;
    options.piece_bytes = 1000;
    options.progress = silent_progress();
    return options;
}

HubReference reference() {
    return parse_hub_reference("hf:Org/Name").value();
}

std::string content(const std::filesystem::path& path) {
    return read_file(path, std::uint64_t{1} << 26).value_or("(none)");
}

/// Finds, chooses and fetches; what a pull is without the store.
Result<std::vector<FetchedFile>> pull(const HubOptions& hub, const std::filesystem::path& folder,
                                      const PullOptions& options = small_pieces()) {
    const HubModel model = CAIRN_TRY(find_hub_model(reference(), hub));
    const HubChoice choice = CAIRN_TRY(choose(model, ""));
    return fetch_files(model, choice.files, folder, hub, options);
}

void fill(TestHub& hub) {
    hub.files["config.json"] = "{}";
    hub.files["model.safetensors"] = random_text(10'500);
    hub.files["pytorch_model.bin"] = random_text(500);
    hub.files["modeling_evil.py"] = "import os";
}

TEST(Hub, FetchesWhatIsNeededAndNothingElse) {
    TestHub hub;
    fill(hub);
    const ScopedFolder folder("hub");
    const auto files = pull(quick(hub.address()), folder.path());
    ASSERT_TRUE(files) << files.error().to_string();
    EXPECT_EQ(files->size(), 2);
    EXPECT_EQ(content(folder.path() / "model.safetensors"), hub.files["model.safetensors"]);
    EXPECT_EQ(content(folder.path() / "config.json"), "{}");
    for (const auto& server : {&hub.hub(), &hub.storage()}) {
        for (const Seen& seen : server->seen()) {
            EXPECT_THAT(seen.target, Not(HasSubstr(".py")));
            EXPECT_THAT(seen.target, Not(HasSubstr(".bin")));
        }
    }
    EXPECT_GE(hub.storage().seen().size(), 11) << "10,500 bytes in pieces of 1,000";
    EXPECT_EQ(list_files(folder.path()).value().size(), 2) << "no leftovers";
}

TEST(Hub, TokenGoesToTheHubAndNeverToAnotherHost) {
    TestHub hub;
    fill(hub);
    hub.token = kToken;
    HubOptions options = quick(hub.address());
    options.token = kToken;
    const ScopedFolder folder("hub");
    ASSERT_TRUE(pull(options, folder.path()));
    for (const Seen& seen : hub.hub().seen())
        EXPECT_EQ(seen.authorization, std::string("Bearer ") + kToken);
    ASSERT_FALSE(hub.storage().seen().empty());
    for (const Seen& seen : hub.storage().seen())
        EXPECT_EQ(seen.authorization, "");
}

TEST(Hub, TokenDoesNotComeBackAfterADetour) {
    // hub -> other host -> hub: the last hop has the hub's own origin and still gets no token,
    // because the other host chose where it leads.
    std::string hub_address;
    TestServer other([&](const Seen&, const Send& send) {
        send(head(302, "Location: " + hub_address + "/back\r\n"));
    });
    TestServer hub([&](const Seen& seen, const Send& send) {
        if (seen.target == "/back") return send(head(200, {}, 2) + "{}");
        send(head(302, "Location: " + other.address() + "/\r\n"));
    });
    hub_address = hub.address();
    HttpRequest request;
    request.url = parse_url(hub_address + "/first").value();
    request.token = kToken;
    const auto answer = http_exchange(request, {}, [](auto&, auto) { return Status(); });
    ASSERT_TRUE(answer) << answer.error().to_string();
    ASSERT_EQ(hub.seen().size(), 2);
    EXPECT_NE(hub.seen()[0].authorization, "");
    EXPECT_EQ(hub.seen()[1].authorization, "");
    EXPECT_EQ(other.seen()[0].authorization, "");
}

TEST(Hub, TokenIsNotSentWithoutEncryption) {
    HubOptions options;
    options.address = "http://hub.example.com";
    options.token = kToken;
    const auto model = find_hub_model(reference(), options);
    EXPECT_EQ(model.error().code, Code::kDenied);
    EXPECT_THAT(model.error().message, HasSubstr("not sent over http"));
    EXPECT_THAT(model.error().to_string(), Not(HasSubstr(kToken)));
}

TEST(Hub, GatedModelsSayWhatToDo) {
    TestHub hub;
    fill(hub);
    hub.token = kToken;
    const auto model = find_hub_model(reference(), quick(hub.address()));
    EXPECT_EQ(model.error().code, Code::kDenied);
    EXPECT_THAT(model.error().message, HasSubstr("gated"));
    EXPECT_THAT(model.error().hint, HasSubstr("HF_TOKEN"));
    EXPECT_THAT(model.error().hint, HasSubstr(hub.address() + "/Org/Name"));
}

TEST(Hub, RefusalsAreNamed) {
    struct Case {
        int status;
        const char* fields;
        Code code;
        const char* message;
    };
    const Case cases[] = {
        {401, "", Code::kDenied, "refused Org/Name without a token (status 401)"},
        {403, "", Code::kDenied, "status 403"},
        {404, "", Code::kNotFound, "was not found on this hub"},
        {404, "X-Error-Code: RevisionNotFound\r\n", Code::kNotFound, "has no revision"},
        {400, "", Code::kInvalid, "status 400"},
    };
    for (const Case& test : cases) {
        TestServer server(
            [&](const Seen&, const Send& send) { send(head(test.status, test.fields)); });
        const auto model = find_hub_model(reference(), quick(server.address()));
        EXPECT_EQ(model.error().code, test.code) << test.message;
        EXPECT_THAT(model.error().message, HasSubstr(test.message));
        EXPECT_EQ(server.seen().size(), 1) << "a final answer is not asked for again";
    }
}

TEST(Hub, PausesWhenTheHubAsksForIt) {
    TestHub hub;
    fill(hub);
    hub.refuse = 3;
    hub.refusal = head(429, "Retry-After: 0\r\n");
    const ScopedFolder folder("hub");
    EXPECT_TRUE(pull(quick(hub.address()), folder.path()));
    hub.refuse = 1'000'000;
    hub.refusal = head(503, "Retry-After: 3600\r\n");
    const ScopedFolder second("hub");
    const auto failed = pull(quick(hub.address()), second.path());
    EXPECT_EQ(failed.error().code, Code::kUnavailable);
    EXPECT_THAT(failed.error().hint, HasSubstr("1 h 00 m"));
}

TEST(Hub, GivesUpAfterSomeAttempts) {
    TestServer server([](const Seen&, const Send& send) { send(head(503)); });
    HubOptions options = quick(server.address());
    options.attempts = 3;
    EXPECT_EQ(find_hub_model(reference(), options).error().code, Code::kUnavailable);
    EXPECT_EQ(server.seen().size(), 3);
}

TEST(Hub, SilenceEndsInAnError) {
    TestHub hub;
    fill(hub);
    hub.hangs = true;
    HubOptions options = quick(hub.address());
    options.timeouts.silence_seconds = 0.2;
    options.attempts = 2;
    const ScopedFolder folder("hub");
    const auto failed = pull(options, folder.path());
    EXPECT_EQ(failed.error().code, Code::kUnavailable);
    EXPECT_THAT(failed.error().message, HasSubstr("no answer within 0.2 s"));
}

TEST(Hub, AnswersThatAreCutAreGoneOnWith) {
    TestHub hub;
    fill(hub);
    hub.cut = 6;
    const ScopedFolder folder("hub");
    PullOptions options = small_pieces();
    options.piece_bytes = 20'000;
    const auto files = pull(quick(hub.address()), folder.path(), options);
    ASSERT_TRUE(files) << files.error().to_string();
    EXPECT_EQ(content(folder.path() / "model.safetensors"), hub.files["model.safetensors"]);
    const auto seen = hub.storage().seen();
    ASSERT_EQ(seen.size(), 7);
    EXPECT_EQ(seen[0].range, "");
    EXPECT_EQ(seen[1].range, "bytes=5250-10499") << "only what is missing";
}

TEST(Hub, GoesOnWhereAnEarlierPullStopped) {
    TestHub hub;
    hub.files["model.safetensors"] = random_text(12'000'000);
    const ScopedFolder folder("hub");
    PullOptions options = small_pieces();
    options.piece_bytes = 3'000'000;
    options.jobs = 1;
    std::atomic<int> asked = 0;
    hub.on_storage = [&](const Seen&) {
        if (++asked == 3) hub.refuse = 1'000'000;
    };
    hub.refusal = head(500);
    HubOptions hub_options = quick(hub.address());
    hub_options.attempts = 1;
    ASSERT_FALSE(pull(hub_options, folder.path(), options));
    EXPECT_TRUE(std::filesystem::exists(folder.path() / "model.safetensors.part"));
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "model.safetensors"));
    hub.refuse = 0;
    hub.on_storage = {};
    const std::size_t before = hub.storage().seen().size();
    ASSERT_TRUE(pull(hub_options, folder.path(), options));
    EXPECT_EQ(hub.storage().seen().size() - before, 2) << "two of four pieces were there";
    EXPECT_EQ(content(folder.path() / "model.safetensors"), hub.files["model.safetensors"]);
}

TEST(Hub, WorksWithHubsThatDoNotKnowRanges) {
    TestHub hub;
    fill(hub);
    hub.knows_ranges = false;
    const ScopedFolder folder("hub");
    const auto files = pull(quick(hub.address()), folder.path());
    ASSERT_TRUE(files) << files.error().to_string();
    EXPECT_EQ(content(folder.path() / "model.safetensors"), hub.files["model.safetensors"]);
}

TEST(Hub, DamagedFilesAreRefusedAfterASecondTry) {
    TestHub hub;
    fill(hub);
    hub.damaged = "model.safetensors";
    const ScopedFolder folder("hub");
    const auto failed = pull(quick(hub.address()), folder.path());
    EXPECT_EQ(failed.error().code, Code::kInvalid);
    EXPECT_THAT(failed.error().message, HasSubstr("expected the SHA-256 checksum"));
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "model.safetensors"));
}

TEST(Hub, SmallFilesAreCheckedToo) {
    // The listing names git's checksum; the hub then serves other bytes of the same length.
    TestHub hub;
    fill(hub);
    hub.listing = "{\"sha\":\"" + std::string(TestHub::kCommit) +
                  "\",\"siblings\":[{\"rfilename\":\"config.json\",\"size\":2,\"blobId\":\"" +
                  testing::git_sha1("[]") + "\"},{\"rfilename\":\"model.safetensors\"}]}";
    const ScopedFolder folder("hub");
    const auto failed = pull(quick(hub.address()), folder.path());
    EXPECT_EQ(failed.error().code, Code::kInvalid);
    EXPECT_THAT(failed.error().message, HasSubstr("config.json: expected the git checksum"));
}

TEST(Hub, AsksForChecksumsThatTheListingLacks) {
    TestHub hub;
    fill(hub);
    hub.with_blobs = false;
    const ScopedFolder folder("hub");
    const auto files = pull(quick(hub.address()), folder.path());
    ASSERT_TRUE(files) << files.error().to_string();
    EXPECT_EQ(files->at(1).sha256.size(), 64);
}

TEST(Hub, NamesThatLeaveTheFolderAreRefused) {
    for (const std::string name :
         {"../x.gguf", "/etc/x.gguf", "a/../../x.gguf", "a//x.gguf", "a\\\\..\\\\x.gguf",
          "C:x.gguf", "a\\u0000.gguf", "a/./x.gguf", "x.gguf/", ""}) {
        TestHub hub;
        hub.listing = "{\"sha\":\"" + std::string(TestHub::kCommit) +
                      "\",\"siblings\":[{\"rfilename\":\"" + name + "\",\"size\":1}]}";
        const auto model = find_hub_model(reference(), quick(hub.address()));
        ASSERT_FALSE(model) << name;
        EXPECT_EQ(model.error().code, Code::kDenied) << name;
        EXPECT_THAT(model.error().message, HasSubstr("outside of its folder")) << name;
    }
}

TEST(Hub, ListingsThatAreNotAHubsAreRefused) {
    const std::string sha = "{\"sha\":\"" + std::string(TestHub::kCommit) + "\",";
    const std::string file = "{\"rfilename\":\"a\"}";
    const std::pair<std::string, const char*> cases[] = {
        {"<html>", "not a hub's answer"},
        {"[]", "expected an object"},
        {"{}", "sha"},
        {"{\"sha\":\"../../etc\",\"siblings\":[]}", "40 hex digits"},
        {sha + "\"siblings\":7}", "a list of files"},
        {sha + "\"siblings\":[7]}", "rfilename"},
        {sha + "\"siblings\":[" + file + "," + file + "]}", "'a' twice"},
        {std::string(40 << 20, ' '), "the hub's listing has more than"},
        {std::string(100'000, '['), "64 levels of nesting"},
    };
    for (const auto& [listing, message] : cases) {
        TestHub hub;
        hub.listing = listing;
        const auto model = find_hub_model(reference(), quick(hub.address()));
        ASSERT_FALSE(model) << message;
        EXPECT_THAT(model.error().message, HasSubstr(message));
    }
    TestHub hub;
    for (int i = 0; i < 20'001; ++i)
        hub.files[std::to_string(i)] = "";
    EXPECT_THAT(find_hub_model(reference(), quick(hub.address())).error().message,
                HasSubstr("at most 20000 files"));
}

TEST(Hub, MoreBytesThanListedAreRefused) {
    TestHub hub;
    fill(hub);
    hub.listing = "{\"sha\":\"" + std::string(TestHub::kCommit) +
                  "\",\"siblings\":[{\"rfilename\":\"model.safetensors\",\"size\":9000,\"lfs\":{"
                  "\"sha256\":\"" +
                  sha256_hex("x") + "\"}}]}";
    PullOptions options = small_pieces();
    options.piece_bytes = 20'000;
    const ScopedFolder folder("hub");
    EXPECT_THAT(pull(quick(hub.address()), folder.path(), options).error().message,
                HasSubstr("sends more than the 9000 bytes"));
}

TEST(Hub, ADiskThatIsTooSmallIsSaidBeforeTheDownload) {
    TestHub hub;
    fill(hub);
    hub.listing = "{\"sha\":\"" + std::string(TestHub::kCommit) +
                  "\",\"siblings\":[{\"rfilename\":\"model.safetensors\",\"size\":"
                  "8000000000000,\"lfs\":{\"sha256\":\"" +
                  sha256_hex("x") + "\"}}]}";
    const ScopedFolder folder("hub");
    const auto failed = pull(quick(hub.address()), folder.path());
    EXPECT_EQ(failed.error().code, Code::kExhausted);
    EXPECT_THAT(failed.error().message, HasSubstr("expected room for 8.0 TB"));
    EXPECT_TRUE(hub.storage().seen().empty());
}

TEST(Http, CirclesOfRedirectsEnd) {
    TestServer server([](const Seen&, const Send& send) { send(head(302, "Location: /x\r\n")); });
    HubOptions options = quick(server.address());
    options.attempts = 1;
    EXPECT_THAT(find_hub_model(reference(), options).error().message,
                HasSubstr("more than 5 redirects"));
    EXPECT_EQ(server.seen().size(), 6);
}

TEST(Http, OddRedirectsAreRefused) {
    for (const std::string location :
         {"ftp://x/y", "file:///etc/passwd", "http://user:password@x/", "http://", ""}) {
        TestServer server([&](const Seen&, const Send& send) {
            send(head(302, "Location: " + location + "\r\n"));
        });
        HubOptions options = quick(server.address());
        options.attempts = 1;
        EXPECT_FALSE(find_hub_model(reference(), options)) << location;
    }
}

TEST(Http, CertificatesAreChecked) {
    const TestCertificate good;
    const TestCertificate elsewhere("DNS:hub.example.com");
    const ScopedFolder folder("tls");
    const auto trusted = (folder.path() / "good.pem").string();
    const auto other = (folder.path() / "other.pem").string();
    ASSERT_TRUE(write_file_atomic(trusted, good.certificate));
    ASSERT_TRUE(write_file_atomic(other, elsewhere.certificate));
    const auto answer = [](const Seen&, const Send& send) { send(head(200, {}, 2) + "{}"); };
    TestServer server(answer, &good);
    TestServer misnamed(answer, &elsewhere);
    const auto ask = [](const std::string& address, const std::string& certificates) {
        HttpRequest request;
        request.url = parse_url(address + "/").value();
        HttpTimeouts timeouts;
        timeouts.certificates = certificates;
        return http_exchange(request, timeouts, [](auto&, auto) { return Status(); });
    };
    const auto taken = ask(server.address(), trusted);
    EXPECT_TRUE(taken) << taken.error().to_string();
    EXPECT_EQ(ask(server.address(), "").error().code, Code::kDenied);
    EXPECT_THAT(ask(server.address(), "").error().message, HasSubstr("not trusted"));
    EXPECT_EQ(ask(server.address(), other).error().code, Code::kDenied);
    EXPECT_EQ(ask(misnamed.address(), other).error().code, Code::kDenied) << "another name";
}

TEST(Http, EncryptedHubsAreReachedThroughAProxy) {
    const TestCertificate certificate;
    const ScopedFolder folder("proxy");
    const auto trusted = (folder.path() / "good.pem").string();
    ASSERT_TRUE(write_file_atomic(trusted, certificate.certificate));
    TestServer server([](const Seen&, const Send& send) { send(head(200, {}, 2) + "{}"); },
                      &certificate);
    HttpRequest request;
    request.url = parse_url(server.address() + "/").value();
    HttpTimeouts timeouts;
    timeouts.certificates = trusted;
    const auto ask = [&](const std::string& proxy, const char* direct = "") {
        ::setenv("HTTPS_PROXY", proxy.c_str(), 1);
        ::setenv("NO_PROXY", direct, 1);
        auto answer = http_exchange(request, timeouts, [](auto&, auto) { return Status(); });
        ::unsetenv("HTTPS_PROXY");
        ::unsetenv("NO_PROXY");
        return answer;
    };
    {
        TestProxy proxy("Proxy-Authorization: Basic bWU6c2VjcmV0\r\n");  // me:secret
        const auto answer = ask("http://me:secret@" + proxy.host());
        ASSERT_TRUE(answer) << answer.error().to_string();
        EXPECT_EQ(answer->status, 200);
    }
    {
        TestProxy proxy("Proxy-Authorization: Basic bWU6c2VjcmV0\r\n");
        const auto refused = ask(proxy.host());
        EXPECT_EQ(refused.error().code, Code::kDenied);
        EXPECT_THAT(refused.error().message, HasSubstr("407"));
        EXPECT_EQ(refused.error().to_string().find("secret"), std::string::npos);
    }
    EXPECT_TRUE(ask("http://127.0.0.1:1", "example.com, 127.0.0.1")) << "not through the proxy";
    EXPECT_THAT(ask("http://127.0.0.1:1").error().message, HasSubstr("proxy"));
    EXPECT_EQ(ask("socks5://127.0.0.1:1").error().code, Code::kInvalid);
}

TEST(Http, EncryptedHubsMustNotLeadToPlainOnes) {
    const TestCertificate certificate;
    const ScopedFolder folder("tls");
    const auto trusted = (folder.path() / "good.pem").string();
    ASSERT_TRUE(write_file_atomic(trusted, certificate.certificate));
    TestServer plain([](const Seen&, const Send& send) { send(head(200)); });
    TestServer server(
        [&](const Seen&, const Send& send) {
            send(head(302, "Location: " + plain.address() + "/\r\n"));
        },
        &certificate);
    HubOptions options = quick(server.address());
    options.timeouts.certificates = trusted;
    const auto model = find_hub_model(reference(), options);
    EXPECT_EQ(model.error().code, Code::kDenied);
    EXPECT_THAT(model.error().message, HasSubstr("not encrypted"));
    EXPECT_TRUE(plain.seen().empty());
}

TEST(Http, AddressesAreRead) {
    const Url url = parse_url("HTTPS://Hub.Example.com/a/b?c=d#e").value();
    EXPECT_EQ(url.origin(), "https://hub.example.com:443");
    EXPECT_EQ(url.target, "/a/b?c=d");
    EXPECT_EQ(parse_url("http://[::1]:8080").value().origin(), "http://[::1]:8080");
    EXPECT_EQ(resolve_location(url, "../x").value().target, "/a/../x");
    EXPECT_EQ(resolve_location(url, "/x?u=http://y").value().origin(), url.origin());
    EXPECT_EQ(resolve_location(url, "//other/x").value().origin(), "https://other:443");
    EXPECT_EQ(encode_path("a b/c%\xC3\xA4.gguf"), "a%20b/c%25%C3%A4.gguf");
    for (const char* bad :
         {"", "x", "http://a b/", "http://a\r\nX: y/", "http://[::1", "http://a:b/"})
        EXPECT_FALSE(parse_url(bad)) << bad;
}

TEST(HubReference, HasOneForm) {
    const HubReference full = parse_hub_reference("hf:Org/Na.me@v1.0/x:sub/m-Q4_K_M.gguf").value();
    EXPECT_EQ(full.repository, "Org/Na.me");
    EXPECT_EQ(full.revision, "v1.0/x");
    EXPECT_EQ(full.selection, "sub/m-Q4_K_M.gguf");
    EXPECT_EQ(full.text(), "hf:Org/Na.me@v1.0/x:sub/m-Q4_K_M.gguf");
    EXPECT_TRUE(parse_hub_reference("hf:gpt2"));
    for (const char* bad :
         {"Org/Name", "hf:", "hf:a/b/c", "hf:../x", "hf:a/..", "hf:a/b@", "hf:a/b:", "hf:a/b@../x",
          "hf:a/b:../x", "hf:a/b?x", "hf:a b/c", "hf:-a/b"})
        EXPECT_FALSE(parse_hub_reference(bad)) << bad;
}

HubModel with_files(const std::vector<std::string>& paths) {
    HubModel model;
    model.reference = reference();
    for (const std::string& path : paths)
        model.files.push_back({path, path.size(), {}, {}, false});
    return model;
}

TEST(HubChoice, NamesQuantisations) {
    const HubModel model = with_files({"README.md", "m-F16.gguf", "m-Q4_K_M-00001-of-00002.gguf",
                                       "m-Q4_K_M-00002-of-00002.gguf", "m-UD-IQ2_XXS.gguf",
                                       "m.Q8_0.gguf", "mmproj-F16.gguf"});
    std::vector<std::string> names;
    for (const HubChoice& choice : hub_choices(model).value())
        names.push_back(choice.name);
    EXPECT_THAT(names, ::testing::UnorderedElementsAre("F16", "Q4_K_M", "UD-IQ2_XXS", "Q8_0"));
    const HubChoice sharded = choose(model, "q4_k_m").value();
    EXPECT_EQ(sharded.files.size(), 2);
    EXPECT_EQ(sharded.entry, "m-Q4_K_M-00001-of-00002.gguf");
    EXPECT_EQ(choose(model, "m.Q8_0.gguf").value().entry, "m.Q8_0.gguf");
    const auto unsaid = choose(model, "");
    EXPECT_THAT(unsaid.error().message, HasSubstr("has 4 models: "));
    EXPECT_THAT(unsaid.error().hint, HasSubstr("hf:Org/Name:"));
    EXPECT_EQ(choose(model, "Q5_0").error().code, Code::kNotFound);
}

TEST(HubChoice, TakesSafetensorsOnce) {
    const HubModel model =
        with_files({"config.json", "consolidated.safetensors", "model-00001-of-00002.safetensors",
                    "model-00002-of-00002.safetensors", "model.safetensors.index.json",
                    "original/model.safetensors", "pytorch_model.bin", "tokenizer.json"});
    const HubChoice choice = choose(model, "").value();
    EXPECT_EQ(choice.entry, ".");
    EXPECT_EQ(choice.files.size(), 5);
}

TEST(HubChoice, RefusesPicklesByName) {
    const HubModel model = with_files({"config.json", "pytorch_model.bin"});
    EXPECT_THAT(choose(model, "").error().message, HasSubstr("can run code"));
    EXPECT_THAT(choose(model, "").error().message, HasSubstr("pytorch_model.bin"));
    EXPECT_EQ(choose(model, "pytorch_model.bin").error().code, Code::kUnsupported);
}

TEST(HubLicence, IsReadFromCardOrTags) {
    const std::pair<const char*, const char*> cases[] = {
        {"\"cardData\":{\"license\":\"apache-2.0\"},", "apache-2.0"},
        {"\"cardData\":{\"license\":[\"mit\",\"x\"]},", "mit"},
        {"\"cardData\":{\"license\":\"other\",\"license_name\":\"own-terms\"},", "own-terms"},
        {"\"cardData\":null,\"tags\":[\"a\",\"license:gemma\"],", "gemma"},
        {"\"cardData\":{\"license\":7},\"tags\":7,", "unknown"},
    };
    for (const auto& [extra, licence] : cases) {
        TestHub hub;
        hub.files["a.gguf"] = "x";
        hub.extra = extra;
        const auto model = find_hub_model(reference(), quick(hub.address()));
        ASSERT_TRUE(model) << model.error().to_string();
        EXPECT_EQ(model->licence, licence);
    }
}

TEST(HubToken, ComesFromAFileThatOthersCannotRead) {
    const ScopedFolder folder("token");
    const auto path = folder.path() / "token";
    ASSERT_TRUE(write_file_atomic(path, std::string(kToken) + "\n"));
    const auto open = find_hub_token(path);
    EXPECT_EQ(open.error().code, Code::kDenied);
    EXPECT_THAT(open.error().hint, HasSubstr("chmod 600"));
    std::filesystem::permissions(path, std::filesystem::perms::owner_read);
    EXPECT_EQ(find_hub_token(path).value(), kToken);
    ASSERT_TRUE(write_file_atomic(path, "a\r\nX-Evil: b"));
    std::filesystem::permissions(path, std::filesystem::perms::owner_read);
    const auto injected = find_hub_token(path);
    EXPECT_EQ(injected.error().code, Code::kInvalid);
    EXPECT_THAT(injected.error().to_string(), Not(HasSubstr("Evil"))) << "never shown";
}

}  // namespace
}  // namespace cairn::operate
