// Bytes of a connection -> one Request. Beast's parser does the grammar; it stays in the .cc file.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "net/http_message.h"
#include "net/http_server.h"

namespace hearth::net {

// One request per parser. Any split of the same bytes gives the same requests; a head that is
// broken may be refused before its end has come.
class RequestParser {
 public:
  enum class State { Head, Body, Done };

  explicit RequestParser(std::int64_t header_bytes_max);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  // Returns how much of `bytes` is used up; the rest must be given again, with more behind it.
  // Stops right behind the head so that plan_body can be called, and right behind the request. An
  // error carries the status to answer in http_status().
  Result<std::size_t> parse(std::string_view bytes);

  // After the head, before its body. `sink` may be null.
  Result<> plan_body(std::int64_t bytes_max, std::string_view limit_name, BodySink* sink);

  [[nodiscard]] State state() const;
  [[nodiscard]] bool keep_alive() const;
  [[nodiscard]] bool expects_continue() const;
  [[nodiscard]] std::int64_t body_bytes() const;  // received so far
  [[nodiscard]] int http_status() const;          // of the last error; 0: as its Error says
  Request& request();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::net
