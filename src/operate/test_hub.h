// SPDX-License-Identifier: Apache-2.0
// For tests: a hub on a local port that speaks the Hugging Face protocol (listing, resolve,
// redirects to another host, ranges, checksums) and can misbehave in every way that was thought of.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cairn/base/files.h"
#include "cairn/base/hash.h"

namespace cairn::operate::testing {

namespace asio = boost::asio;
namespace http = boost::beast::http;

inline std::string git_sha1(const std::string& content) {
    const std::string text =
        "blob " + std::to_string(content.size()) + std::string(1, '\0') + content;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha1(), nullptr);
    std::string hex;
    for (unsigned int i = 0; i < size; ++i) {
        constexpr const char* kDigits = "0123456789abcdef";
        hex += kDigits[digest[i] >> 4];
        hex += kDigits[digest[i] & 15];
    }
    return hex;
}

struct Seen {
    std::string method;
    std::string target;
    std::string authorization;
    std::string range;
};

/// What a connection sends back; `send` may be called piece by piece.
using Send = std::function<void(const std::string& bytes)>;
using Handler = std::function<void(const Seen& request, const Send& send)>;

/// A certificate for 127.0.0.1, signed by itself; made anew for each test.
struct TestCertificate {
    std::string key;
    std::string certificate;

    explicit TestCertificate(const char* address = "IP:127.0.0.1") {
        EVP_PKEY* pair = EVP_EC_gen("P-256");
        X509* x509 = X509_new();
        X509_set_version(x509, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
        X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
        X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
        X509_set_pubkey(x509, pair);
        X509_NAME* name = X509_get_subject_name(x509);
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                   reinterpret_cast<const unsigned char*>("test hub"), -1, -1, 0);
        X509_set_issuer_name(x509, name);
        X509_EXTENSION* more = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, address);
        X509_add_ext(x509, more, -1);
        X509_EXTENSION_free(more);
        X509_sign(x509, pair, EVP_sha256());
        key = pem([&](BIO* out) {
            PEM_write_bio_PrivateKey(out, pair, nullptr, nullptr, 0, nullptr, nullptr);
        });
        certificate = pem([&](BIO* out) { PEM_write_bio_X509(out, x509); });
        X509_free(x509);
        EVP_PKEY_free(pair);
    }

  private:
    template <typename Write>
    static std::string pem(Write write) {
        BIO* out = BIO_new(BIO_s_mem());
        write(out);
        char* data = nullptr;
        const long size = BIO_get_mem_data(out, &data);
        std::string text(data, static_cast<std::size_t>(size));
        BIO_free(out);
        return text;
    }
};

/// Answers every request with `handler`, one thread a connection, until it is destroyed.
class TestServer {
  public:
    explicit TestServer(Handler handler, const TestCertificate* certificate = nullptr)
        : handler_(std::move(handler)) {
        if (certificate != nullptr) {
            tls_.emplace(asio::ssl::context::tls_server);
            tls_->use_certificate_chain(asio::buffer(certificate->certificate));
            tls_->use_private_key(asio::buffer(certificate->key), asio::ssl::context::pem);
        }
        acceptor_.listen();
        thread_ = std::thread([this] { accept(); });
    }
    ~TestServer() {
        stop();
        ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
        thread_.join();
        {
            const std::lock_guard lock(lock_);
            for (const auto& socket : sockets_)
                ::shutdown(socket->native_handle(), SHUT_RDWR);
        }
        for (std::thread& connection : connections_)
            connection.join();
    }

    /// Ends every hang().
    void stop() {
        const std::lock_guard lock(lock_);
        stopping_ = true;
        changed_.notify_all();
    }
    /// Keeps the connection open without a word until the server goes.
    void hang() {
        std::unique_lock lock(lock_);
        changed_.wait(lock, [&] { return stopping_; });
    }
    std::string address() const {
        return (tls_ ? "https" : "http") + std::string("://127.0.0.1:") +
               std::to_string(acceptor_.local_endpoint().port());
    }
    std::vector<Seen> seen() {
        const std::lock_guard lock(lock_);
        return seen_;
    }

  private:
    using Socket = asio::ip::tcp::socket;

    void accept() {
        for (;;) {
            auto socket = std::make_shared<Socket>(io_);
            boost::system::error_code failure;
            acceptor_.accept(*socket, failure);
            const std::lock_guard lock(lock_);
            if (failure || stopping_) return;
            sockets_.push_back(socket);
            connections_.emplace_back([this, socket] { serve(*socket); });
        }
    }

    void serve(Socket& socket) {
        boost::system::error_code failure;
        if (!tls_) {
            answer(socket);
        } else {
            asio::ssl::stream<Socket&> stream(socket, *tls_);
            stream.handshake(asio::ssl::stream_base::server, failure);
            if (!failure) answer(stream);
            if (!failure) stream.shutdown(failure);
        }
        socket.shutdown(Socket::shutdown_both, failure);
    }

    template <typename Stream>
    void answer(Stream& stream) {
        boost::system::error_code failure;
        boost::beast::flat_buffer buffer;
        http::request<http::empty_body> request;
        http::read(stream, buffer, request, failure);
        if (failure) return;
        const auto text = [&](http::field name) { return std::string(request[name]); };
        const Seen seen = {std::string(request.method_string()), std::string(request.target()),
                           text(http::field::authorization), text(http::field::range)};
        {
            const std::lock_guard lock(lock_);
            seen_.push_back(seen);
        }
        handler_(seen, [&](const std::string& bytes) {
            asio::write(stream, asio::buffer(bytes), failure);
        });
    }

    Handler handler_;
    asio::io_context io_;
    std::optional<asio::ssl::context> tls_;
    asio::ip::tcp::acceptor acceptor_{io_, {asio::ip::make_address("127.0.0.1"), std::uint16_t{0}}};
    std::mutex lock_;
    std::condition_variable changed_;
    bool stopping_ = false;
    std::vector<Seen> seen_;
    std::list<std::shared_ptr<Socket>> sockets_;
    std::vector<std::thread> connections_;
    std::thread thread_;
};

inline std::string head(int status, const std::string& fields = {}, std::size_t length = 0) {
    return "HTTP/1.1 " + std::to_string(status) +
           " x\r\nContent-Length: " + std::to_string(length) + "\r\nConnection: close\r\n" +
           fields + "\r\n";
}

/// One repository, Org/Name at one commit, on a hub; large files come from a second host.
class TestHub {
  public:
    static constexpr const char* kCommit = "0123456789abcdef0123456789abcdef01234567";

    TestHub()
        : storage_([this](const Seen& seen, const Send& send) { store(seen, send); }),
          hub_([this](const Seen& seen, const Send& send) { serve(seen, send); }) {}
    ~TestHub() {
        hub_.stop();
        storage_.stop();
    }

    std::map<std::string, std::string> files;
    std::string token;            ///< what reading needs; empty: nothing
    std::string extra;            ///< further members of the listing: "\"tags\":[],"
    std::string listing;          ///< in place of the real one
    bool with_blobs = true;       ///< the listing says sizes and checksums
    bool knows_ranges = true;     ///< of the storage
    std::string damaged;          ///< this file is served with one byte changed
    std::atomic<int> refuse = 0;  ///< the next requests to the storage get `refusal`
    std::string refusal;
    std::atomic<int> cut = 0;         ///< the next answers of the storage end in their middle
    std::atomic<bool> hangs = false;  ///< the storage says nothing
    std::size_t large_from = 100;     ///< bytes from which a file lies in the storage
    std::function<void(const Seen&)> on_storage;

    std::string address() const { return hub_.address(); }
    TestServer& hub() { return hub_; }
    TestServer& storage() { return storage_; }

  private:
    bool is_large(const std::string& content) const { return content.size() >= large_from; }

    std::string list() const {
        std::string siblings;
        for (const auto& [path, content] : files) {
            siblings +=
                (siblings.empty() ? "" : ",") + std::string("{\"rfilename\":\"") + path + "\"";
            if (with_blobs) {
                siblings += ",\"size\":" + std::to_string(content.size()) + ",\"blobId\":\"" +
                            git_sha1(content) + "\"";
                if (is_large(content)) {
                    siblings += ",\"lfs\":{\"sha256\":\"" + sha256_hex(content) +
                                "\",\"size\":" + std::to_string(content.size()) + "}";
                }
            }
            siblings += "}";
        }
        return "{\"id\":\"Org/Name\",\"sha\":\"" + std::string(kCommit) + "\"," + extra +
               "\"siblings\":[" + siblings + "]}";
    }

    void serve(const Seen& seen, const Send& send) {
        if (!token.empty() && seen.authorization != "Bearer " + token) {
            return send(head(401, "X-Error-Code: GatedRepo\r\n"));
        }
        const std::string api = "/api/models/Org/Name/revision/";
        if (seen.target.starts_with(api)) {
            const std::string revision =
                seen.target.substr(api.size(), seen.target.find('?') - api.size());
            if (revision != "main" && revision != kCommit) {
                return send(head(404, "X-Error-Code: RevisionNotFound\r\n"));
            }
            const std::string body = listing.empty() ? list() : listing;
            return send(head(200, {}, body.size()) + body);
        }
        const std::string resolve = "/Org/Name/resolve/" + std::string(kCommit) + "/";
        const auto file = seen.target.starts_with(resolve)
                              ? files.find(seen.target.substr(resolve.size()))
                              : files.end();
        if (file == files.end()) return send(head(404, "X-Error-Code: RepoNotFound\r\n"));
        const std::string& content = file->second;
        if (is_large(content)) {
            return send(head(302, "Location: " + storage_.address() + "/" + file->first +
                                      "?signature=1\r\nX-Linked-Etag: \"" + sha256_hex(content) +
                                      "\"\r\nX-Linked-Size: " + std::to_string(content.size()) +
                                      "\r\n"));
        }
        const std::string etag = "ETag: \"" + git_sha1(content) + "\"\r\n";
        send(head(200, etag, content.size()) + (seen.method == "HEAD" ? "" : content));
    }

    void store(const Seen& seen, const Send& send) {
        if (on_storage) on_storage(seen);
        if (hangs) return storage_.hang();
        if (refuse > 0) {
            --refuse;
            return send(refusal);
        }
        const std::string path = seen.target.substr(1, seen.target.find('?') - 1);
        std::string content = files.at(path);
        if (path == damaged) content[content.size() / 2] ^= 1;
        std::size_t begin = 0;
        std::size_t end = content.size();
        const bool ranged = knows_ranges && seen.range.starts_with("bytes=");
        if (ranged) {
            const char* last = seen.range.data() + seen.range.size();
            const auto first = std::from_chars(seen.range.data() + 6, last, begin);
            std::from_chars(first.ptr + 1, last, end);
            ++end;
        }
        const std::string piece = content.substr(begin, end - begin);
        const std::string fields = ranged ? "Content-Range: bytes " + std::to_string(begin) + "-" +
                                                std::to_string(end - 1) + "/" +
                                                std::to_string(content.size()) + "\r\n"
                                          : "";
        std::string answer = head(ranged ? 206 : 200, fields, piece.size());
        if (cut > 0) {
            --cut;
            return send(answer + piece.substr(0, piece.size() / 2));
        }
        send(answer + piece);
    }

    TestServer storage_;
    TestServer hub_;
};

}  // namespace cairn::operate::testing
