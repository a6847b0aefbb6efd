// SPDX-License-Identifier: Apache-2.0
// For tests: bytes over a real socket, and what comes back.
#pragma once

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <cstdint>
#include <string>

namespace cairn::serve::testing {

/// A client that can leave whenever it likes.
class RawClient {
  public:
    RawClient(std::uint16_t port, const std::string& bytes) : socket_(io_) {
        boost::system::error_code ignored;
        socket_.connect({boost::asio::ip::make_address("127.0.0.1"), port});
        boost::asio::write(socket_, boost::asio::buffer(bytes), ignored);
    }
    /// Everything until the server closes.
    std::string read_all() {
        boost::system::error_code ignored;
        std::string answer;
        boost::asio::read(socket_, boost::asio::dynamic_buffer(answer), ignored);
        return answer;
    }
    /// Until `text` has come; false when the server closes before.
    bool read_until(const std::string& text) {
        boost::system::error_code failure;
        while (seen_.find(text) == std::string::npos && !failure) {
            char some[512];
            const std::size_t count = socket_.read_some(boost::asio::buffer(some), failure);
            seen_.append(some, count);
        }
        return seen_.find(text) != std::string::npos;
    }
    const std::string& seen() const { return seen_; }

  private:
    boost::asio::io_context io_;
    boost::asio::ip::tcp::socket socket_;
    std::string seen_;
};

inline std::string send_raw(std::uint16_t port, const std::string& bytes) {
    return RawClient(port, bytes).read_all();
}

inline std::string get(std::uint16_t port, const std::string& path, const std::string& more = {}) {
    return send_raw(port, "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
                              more + "\r\n");
}

}  // namespace cairn::serve::testing
