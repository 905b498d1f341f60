// What is stored and sent: bytes that decode give a value that keeps its bytes from then on; other
// bytes are refused as damaged.
#include <memory>
#include <string>

#include "fuzz.h"
#include "wire/job_codec.h"
#include "wire/protobuf_log.h"

namespace hearth::fuzz {
namespace {

template <class T>
void check(std::string_view bytes, Result<T> (*decode)(std::string_view),
           std::string (*encode)(const T&)) {
  const Result<T> value = decode(bytes);
  if (!value) {
    check_says_why(value.error());
    HEARTH_CHECK(value.error().code == ErrorCode::DataLoss, "damage has another code");
    return;
  }
  const std::string once = encode(*value);
  const Result<T> again = decode(once);
  HEARTH_CHECK(again.has_value(), "what was encoded does not decode");
  HEARTH_CHECK(encode(*again) == once, "a value's bytes change from round to round");
  if constexpr (std::equality_comparable<T>) {
    HEARTH_CHECK(*again == *value, "a value changes on the wire");
  }
}

// Dependencies that are appended to an encoded job stand behind its own.
void check_more_after(std::string_view bytes) {
  const std::size_t half = bytes.size() / 2;
  const auto spec = wire::decode_job_spec(bytes.substr(0, half));
  const auto other = wire::decode_job_spec(bytes.substr(half));
  if (!spec || !other) {
    return;
  }
  const auto joined = wire::decode_job_spec(wire::encode_job_spec(*spec) +
                                            wire::encode_more_after(other->scheduling.after));
  HEARTH_CHECK(joined.has_value(), "appended dependencies break a job");
  JobSpec expected = *spec;
  expected.scheduling.after.insert(expected.scheduling.after.end(), other->scheduling.after.begin(),
                                   other->scheduling.after.end());
  HEARTH_CHECK(*joined == expected, "appended dependencies change a job");
}

}  // namespace

bool run(std::string_view input) {
  static const std::unique_ptr<Log> log = make_null_log();
  static const wire::ProtobufLog quiet(*log);
  switch (take_byte(input)) {
    case '1':
      check(input, wire::decode_job_spec, wire::encode_job_spec);
      break;
    case '2':
      check(input, wire::decode_secrets, wire::encode_secrets);
      break;
    case '3':
      check(input, wire::decode_job_record, wire::encode_job_record);
      break;
    case '4':
      check(input, wire::decode_attempt, wire::encode_attempt);
      break;
    case '5':
      check(input, wire::decode_attempt_result, wire::encode_attempt_result);
      break;
    case '6':
      check(input, wire::decode_agent_record, wire::encode_agent_record);
      break;
    case '7':
      check_more_after(input);
      break;
    default:
      return false;  // not worth a place in the corpus
  }
  return true;
}

}  // namespace hearth::fuzz
