// Takes one JSON value apart into a typed and bounded one. Every failure names the field by its
// path and says what would be taken.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

#include "base/result.h"
#include "base/time.h"

namespace hearth::front {

// Where a value stands ("retryOn.exitCodes[2]").
using FieldPath = std::string;

Error wrong_type(const FieldPath& path, std::string_view expected, const boost::json::value& found);
Error unknown_field(const FieldPath& path);
Error field_too_large(const FieldPath& path, std::string_view limit, std::int64_t limit_value,
                      std::string_view what);

Result<bool> read_boolean(const boost::json::value& value, const FieldPath& path);
// 512.0 is an integer too: JavaScript does not tell them apart.
Result<std::int64_t> read_integer(const boost::json::value& value, const FieldPath& path,
                                  std::int64_t min, std::int64_t max);
Result<double> read_number(const boost::json::value& value, const FieldPath& path, double min,
                           double max);
Result<Duration> read_milliseconds(const boost::json::value& value, const FieldPath& path,
                                   Duration min, Duration max);

struct TextRule {
  std::int64_t bytes_max;
  std::string_view limit;  // its name
  bool may_be_empty = false;
  bool may_hold_nul = false;
};
Result<std::string> read_text(const boost::json::value& value, const FieldPath& path,
                              const TextRule& rule);

Result<const boost::json::object*> read_object(const boost::json::value& value,
                                               const FieldPath& path);
Result<const boost::json::array*> read_array(const boost::json::value& value,
                                             const FieldPath& path);

// {name: text}; at most kLabelsMax, each name and text at most kLabelBytesMax.
Result<std::map<std::string, std::string>> read_labels(const boost::json::value& value,
                                                       const FieldPath& path);
// {NAME: text}; adds the bytes of names and texts to `bytes` and fails past kEnvironmentBytesMax.
Result<std::map<std::string, std::string>> read_environment(const boost::json::value& value,
                                                            const FieldPath& path,
                                                            std::int64_t& bytes);

// One of `words`, as its index.
Result<std::size_t> read_word(const boost::json::value& value, const FieldPath& path,
                              const std::vector<std::string_view>& words);

}  // namespace hearth::front
