// SPDX-License-Identifier: Apache-2.0
// A proxy that opens tunnels to this machine, for tests.
#pragma once

#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <string>
#include <thread>

namespace cairn::operate::testing {

/// Serves one connection: `authorization` is what it must bring; empty: nothing.
class TestProxy {
  public:
    explicit TestProxy(std::string authorization = {})
        : authorization_(std::move(authorization)), thread_([this] { serve(); }) {}
    ~TestProxy() {
        ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
        thread_.join();
    }
    std::string host() const {
        return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
    }
    /// The head that came. Only after the connection has ended.
    const std::string& asked() const { return asked_; }

  private:
    using Tcp = boost::asio::ip::tcp;
    using Failure = boost::system::error_code;

    static void relay(Tcp::socket& from, Tcp::socket& to) {
        char block[4096];
        Failure failure;
        while (!failure) {
            const std::size_t size = from.read_some(boost::asio::buffer(block), failure);
            if (size > 0) boost::asio::write(to, boost::asio::buffer(block, size), failure);
        }
        ::shutdown(from.native_handle(), SHUT_RDWR);
        ::shutdown(to.native_handle(), SHUT_RDWR);
    }

    void serve() {
        Failure failure;
        Tcp::socket client(io_);
        acceptor_.accept(client, failure);
        if (failure) return;
        boost::asio::read_until(client, boost::asio::dynamic_buffer(asked_), "\r\n\r\n", failure);
        const bool known =
            authorization_.empty() || asked_.find(authorization_) != std::string::npos;
        const std::string begin = "CONNECT 127.0.0.1:";
        std::uint16_t port = 0;
        if (known && asked_.starts_with(begin)) {
            std::from_chars(asked_.data() + begin.size(), asked_.data() + asked_.size(), port);
        }
        Tcp::socket server(io_);
        server.connect({boost::asio::ip::make_address("127.0.0.1"), port}, failure);
        const std::string answer = failure || port == 0
                                       ? "HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n"
                                       : "HTTP/1.1 200 Go on\r\n\r\n";
        boost::asio::write(client, boost::asio::buffer(answer), failure);
        if (port == 0 || failure) return;
        std::thread back([&] { relay(server, client); });
        relay(client, server);
        back.join();
    }

    std::string authorization_;
    std::string asked_;
    boost::asio::io_context io_;
    Tcp::acceptor acceptor_{io_, {boost::asio::ip::make_address("127.0.0.1"), std::uint16_t{0}}};
    std::thread thread_;
};

}  // namespace cairn::operate::testing
