// Strict JSON (RFC 8259) into Boost's tree: valid UTF-8, no duplicate names, bounded depth, nothing
// behind the value. Include it only where values are taken apart: Boost's headers cost seconds.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

#include <boost/json/value.hpp>

#include "base/result.h"

namespace hearth::net {

// Errors are invalid_json with the byte offset, or invalid_field naming a duplicate ("env.PATH").
Result<boost::json::value> parse_json(std::string_view text);

// An array that arrives in pieces; each element is handed on as soon as it is complete, so no more
// than one is held. An element with a duplicate name is handed on as that error.
class JsonArrayReader {
 public:
  // An error ends the reading with it.
  using OnElement = std::function<Result<>(Result<boost::json::value>)>;

  // `element_bytes_max`: of one element's strings and values, roughly as written.
  JsonArrayReader(OnElement on_element, std::int64_t element_bytes_max);
  ~JsonArrayReader();
  JsonArrayReader(const JsonArrayReader&) = delete;
  JsonArrayReader& operator=(const JsonArrayReader&) = delete;

  Result<> feed(std::string_view bytes);
  Result<> finish();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::net
