#include "net/json_reader.h"

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/basic_parser_impl.hpp>

#include "base/limits.h"

namespace hearth::net {

namespace json = boost::json;

namespace {

constexpr std::int64_t kValueWeight = 4;  // about what the shortest value takes as text

// Boost's own handler keeps the last of duplicate names without a word; this one tells.
class TreeHandler {
 public:
  // Boost asks for these by name.
  // NOLINTBEGIN(readability-identifier-naming)
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  // NOLINTEND(readability-identifier-naming)

  // Set for an array whose elements are wanted one by one.
  JsonArrayReader::OnElement on_element;
  std::int64_t weight_max = std::numeric_limits<std::int64_t>::max();
  json::value root;
  std::optional<Error> duplicate;  // the first one
  std::optional<Error> failure;    // why a callback returned false

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_array_begin(json::error_code& ec) {
    frames_.push_back({.container = json::array(), .key = {}});
    return add_weight(kValueWeight, ec);
  }
  bool on_object_begin(json::error_code& ec) {
    if (frames_.empty() && on_element) {
      return fail(not_an_array(), ec);
    }
    frames_.push_back({.container = json::object(), .key = {}});
    return add_weight(kValueWeight, ec);
  }
  bool on_array_end(std::size_t, json::error_code& ec) { return close(ec); }
  bool on_object_end(std::size_t, json::error_code& ec) { return close(ec); }
  bool on_key_part(json::string_view part, std::size_t, json::error_code& ec) {
    text_.append(part.data(), part.size());
    return add_weight(static_cast<std::int64_t>(part.size()), ec);
  }
  bool on_key(json::string_view part, std::size_t, json::error_code& ec) {
    text_.append(part.data(), part.size());
    Frame& frame = frames_.back();
    frame.key.swap(text_);
    text_.clear();
    if (!duplicate && frame.container.get_object().contains(frame.key)) {
      duplicate = invalid_field(path(), "the field " + path() + " is there twice; leave one out");
    }
    return add_weight(static_cast<std::int64_t>(part.size()) + kValueWeight, ec);
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code& ec) {
    text_.append(part.data(), part.size());
    return add_weight(static_cast<std::int64_t>(part.size()), ec);
  }
  bool on_string(json::string_view part, std::size_t, json::error_code& ec) {
    text_.append(part.data(), part.size());
    json::value value = json::string(text_);
    text_.clear();
    return add_weight(static_cast<std::int64_t>(part.size()), ec) && take(std::move(value), ec);
  }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t number, json::string_view, json::error_code& ec) {
    return take(json::value(number), ec);
  }
  bool on_uint64(std::uint64_t number, json::string_view, json::error_code& ec) {
    return take(json::value(number), ec);
  }
  bool on_double(double number, json::string_view, json::error_code& ec) {
    return take(json::value(number), ec);
  }
  bool on_bool(bool value, json::error_code& ec) { return take(json::value(value), ec); }
  bool on_null(json::error_code& ec) { return take(json::value(nullptr), ec); }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

 private:
  struct Frame {
    json::value container;
    std::string key;  // of the member that is being read
  };

  static Error not_an_array() {
    return Error{.code = ErrorCode::InvalidArgument,
                 .message = "the body must be a JSON array of jobs",
                 .kind = "invalid_json"};
  }

  bool fail(Error error, json::error_code& ec) {
    failure = std::move(error);
    ec = json::error::incomplete;
    return false;
  }

  bool add_weight(std::int64_t weight, json::error_code& ec) {
    weight_ += weight;
    if (weight_ <= weight_max) {
      return true;
    }
    return fail(limit_exceeded("batch_item_bytes_max", weight_max,
                               "one item is larger than " + std::to_string(weight_max) + " bytes"),
                ec);
  }

  bool close(json::error_code& ec) {
    json::value value = std::move(frames_.back().container);
    frames_.pop_back();
    return take(std::move(value), ec);
  }

  bool take(json::value value, json::error_code& ec) {
    if (frames_.empty()) {
      if (on_element && !value.is_array()) {
        return fail(not_an_array(), ec);
      }
      root = std::move(value);
      return true;
    }
    if (on_element && frames_.size() == 1) {
      return emit(std::move(value), ec);
    }
    Frame& frame = frames_.back();
    if (json::object* object = frame.container.if_object()) {
      object->insert_or_assign(frame.key, std::move(value));
    } else {
      frame.container.get_array().push_back(std::move(value));
    }
    return add_weight(kValueWeight, ec);
  }

  bool emit(json::value value, json::error_code& ec) {
    weight_ = 0;
    auto taken = duplicate ? on_element(*std::exchange(duplicate, std::nullopt))
                           : on_element(std::move(value));
    return taken ? true : fail(std::move(taken).error(), ec);
  }

  // Of the member that is being read: "backoff.factor", "after[2].id".
  [[nodiscard]] std::string path() const {
    std::string text;
    for (const Frame& frame : frames_) {
      if (const json::array* array = frame.container.if_array()) {
        if (!on_element || &frame != &frames_.front()) {
          text += "[" + std::to_string(array->size()) + "]";
        }
      } else {
        text += (text.empty() ? "" : ".") + frame.key;
      }
    }
    return text;
  }

  std::vector<Frame> frames_;
  std::string text_;
  std::int64_t weight_ = 0;
};

json::parse_options options() {
  json::parse_options strict;
  strict.max_depth = static_cast<std::size_t>(limits::kJsonDepthMax);
  return strict;
}

Error describe(const json::error_code& ec, std::size_t offset) {
  Error error{
      .code = ErrorCode::InvalidArgument,
      .message = "the JSON is broken at byte " + std::to_string(offset) + ": " + ec.message(),
      .kind = "invalid_json"};
  if (ec == json::error::too_deep) {
    error.message = "the JSON is nested deeper than " + std::to_string(limits::kJsonDepthMax) +
                    " levels at byte " + std::to_string(offset);
    error.limit = "json_depth_max";
    error.limit_value = limits::kJsonDepthMax;
  }
  return error;
}

}  // namespace

Result<json::value> parse_json(std::string_view text) {
  json::basic_parser<TreeHandler> parser(options());
  json::error_code ec;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), ec);
  if (ec) {
    return describe(ec, used);
  }
  const std::size_t rest = text.find_first_not_of(" \t\r\n", used);
  if (rest != std::string_view::npos) {
    return describe(json::error::extra_data, rest);
  }
  if (parser.handler().duplicate) {
    return *std::move(parser.handler().duplicate);
  }
  return std::move(parser.handler().root);
}

class JsonArrayReader::Impl {
 public:
  Impl(OnElement on_element, std::int64_t element_bytes_max) : parser_(options()) {
    parser_.handler().on_element = std::move(on_element);
    parser_.handler().weight_max = element_bytes_max;
  }

  Result<> feed(std::string_view bytes, bool more) {
    if (done_) {
      return check_rest(bytes);
    }
    json::error_code ec;
    const std::size_t used = parser_.write_some(more, bytes.data(), bytes.size(), ec);
    if (parser_.handler().failure) {
      return *parser_.handler().failure;
    }
    if (ec) {
      return describe(ec, offset_ + used);
    }
    offset_ += used;
    done_ = parser_.done();
    return done_ ? check_rest(bytes.substr(used)) : Result<>();
  }

  [[nodiscard]] bool done() const { return done_; }

 private:
  Result<> check_rest(std::string_view bytes) {
    const std::size_t rest = bytes.find_first_not_of(" \t\r\n");
    if (rest != std::string_view::npos) {
      return describe(json::error::extra_data, offset_ + rest);
    }
    offset_ += bytes.size();
    return {};
  }

  json::basic_parser<TreeHandler> parser_;
  std::size_t offset_ = 0;
  bool done_ = false;
};

JsonArrayReader::JsonArrayReader(OnElement on_element, std::int64_t element_bytes_max)
    : impl_(std::make_unique<Impl>(std::move(on_element), element_bytes_max)) {}
JsonArrayReader::~JsonArrayReader() = default;

Result<> JsonArrayReader::feed(std::string_view bytes) {
  return bytes.empty() ? Result<>() : impl_->feed(bytes, true);
}

Result<> JsonArrayReader::finish() {
  return impl_->done() ? Result<>() : impl_->feed({}, false);
}

}  // namespace hearth::net
