// Beast asserts what a peer can break: a last chunk's header whose rest comes a byte at a time. It
// does right without, as in a release.
#define BOOST_DISABLE_ASSERTS
#include "net/request_parser.h"

#include <algorithm>

#include <boost/beast/http/basic_parser.hpp>

namespace hearth::net {

namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

Error bad_request(std::string message) {
  return Error{
      .code = ErrorCode::InvalidArgument, .message = std::move(message), .kind = "invalid_request"};
}

// The origin form only: what a client sends to a server that is no proxy. "*" is for OPTIONS.
bool is_good_target(std::string_view target) {
  if (target == "*") {
    return true;
  }
  return !target.empty() && target.front() == '/' &&
         std::all_of(target.begin(), target.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte > 0x20 && byte < 0x7f && c != '#';
         });
}

}  // namespace

class RequestParser::Impl final : public http::basic_parser<true> {
 public:
  explicit Impl(std::int64_t header_bytes_max) : header_bytes_max_(header_bytes_max) {
    header_limit(static_cast<std::uint32_t>(header_bytes_max));
    body_limit(boost::none);  // counted here, where a sink's and a buffer's are alike
  }

  Request request;
  std::int64_t bytes_max = 0;
  std::string_view limit_name;
  BodySink* sink = nullptr;
  std::int64_t received = 0;
  Error error;  // set by a callback that failed
  int status = 0;

  Error too_large() {
    status = 413;
    return limit_exceeded(std::string(limit_name), bytes_max,
                          "the request body is larger than the " + std::to_string(bytes_max) +
                              " bytes this route takes; send less at once");
  }

  Error to_error(const beast::error_code& ec) {
    if (!error.message.empty()) {
      return std::move(error);
    }
    if (ec == http::error::header_limit) {
      status = 431;
      return limit_exceeded("header_bytes_max", header_bytes_max_,
                            "the request head is larger than " + std::to_string(header_bytes_max_) +
                                " bytes; send fewer or shorter fields");
    }
    status = 400;
    return bad_request("the request is not valid HTTP/1.1: " + ec.message());
  }

  Result<> check_head() {
    if (!is_good_target(request.target)) {
      status = 400;
      return bad_request("the request target must be a path that begins with '/'");
    }
    if (request.version == 11 && request.count_header("host") != 1) {
      status = 400;
      return bad_request("an HTTP/1.1 request must have exactly one Host field");
    }
    const std::size_t mark = std::min(request.target.find('?'), request.target.size());
    request.path = request.target.substr(0, mark);
    request.query = request.target.substr(std::min(mark + 1, request.target.size()));
    const auto length = content_length();
    request.has_body = chunked() || (length.has_value() && *length > 0);
    return {};
  }

 private:
  void on_request_impl(http::verb, beast::string_view method, beast::string_view target,
                       int version, beast::error_code&) override {
    request.method.assign(method.data(), method.size());
    request.target.assign(target.data(), target.size());
    request.version = version;
  }
  void on_response_impl(int, beast::string_view, int, beast::error_code&) override {}
  void on_field_impl(http::field, beast::string_view name, beast::string_view value,
                     beast::error_code&) override {
    if (!head_done_) {  // trailer fields are of no use to anybody here
      request.headers.emplace_back(to_lower({name.data(), name.size()}),
                                   std::string(value.data(), value.size()));
    }
  }
  void on_header_impl(beast::error_code&) override { head_done_ = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, beast::error_code&) override {}
  std::size_t on_body_impl(beast::string_view bytes, beast::error_code& ec) override {
    return take({bytes.data(), bytes.size()}, ec);
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, beast::error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view bytes,
                                 beast::error_code& ec) override {
    return take({bytes.data(), bytes.size()}, ec);
  }
  void on_finish_impl(beast::error_code&) override {}

  std::size_t take(std::string_view bytes, beast::error_code& ec) {
    received += static_cast<std::int64_t>(bytes.size());
    if (received > bytes_max) {
      error = too_large();
      ec = http::error::body_limit;
      return 0;
    }
    if (sink == nullptr) {
      request.body += bytes;
      return bytes.size();
    }
    if (auto taken = sink->on_data(bytes); !taken) {
      error = std::move(taken).error();
      ec = http::error::unexpected_body;
      return 0;
    }
    return bytes.size();
  }

  std::int64_t header_bytes_max_;
  bool head_done_ = false;
};

RequestParser::RequestParser(std::int64_t header_bytes_max)
    : impl_(std::make_unique<Impl>(header_bytes_max)) {}
RequestParser::~RequestParser() = default;

Result<std::size_t> RequestParser::parse(std::string_view bytes) {
  const bool was_head = !impl_->is_header_done();
  impl_->eager(!was_head);
  beast::error_code ec;
  const std::size_t used = impl_->put({bytes.data(), bytes.size()}, ec);
  if (ec && ec != http::error::need_more) {
    return impl_->to_error(ec);
  }
  if (was_head && impl_->is_header_done()) {
    HEARTH_TRY(impl_->check_head());
  }
  return used;
}

Result<> RequestParser::plan_body(std::int64_t bytes_max, std::string_view limit_name,
                                  BodySink* sink) {
  impl_->bytes_max = bytes_max;
  impl_->limit_name = limit_name;
  impl_->sink = sink;
  const auto length = impl_->content_length();
  if (length.has_value() && *length > static_cast<std::uint64_t>(bytes_max)) {
    return impl_->too_large();
  }
  return {};
}

RequestParser::State RequestParser::state() const {
  if (!impl_->is_header_done()) {
    return State::Head;
  }
  return impl_->is_done() ? State::Done : State::Body;
}

bool RequestParser::keep_alive() const {
  return impl_->keep_alive();
}

bool RequestParser::expects_continue() const {
  return impl_->request.version == 11 &&
         equals_ignoring_case(impl_->request.header("expect"), "100-continue");
}

std::int64_t RequestParser::body_bytes() const {
  return impl_->received;
}

int RequestParser::http_status() const {
  return impl_->status;
}

Request& RequestParser::request() {
  return impl_->request;
}

}  // namespace hearth::net
