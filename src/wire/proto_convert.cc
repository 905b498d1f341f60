#include "wire/proto_convert.h"

#include <algorithm>
#include <utility>

namespace hearth::wire {

Error bad_field(std::string_view field, std::string_view found) {
  return Error{.code = ErrorCode::DataLoss,
               .message = "field " + std::string(field) + " holds " + std::string(found) +
                          ": the bytes are damaged or were written by a newer version"};
}

void write_resources(const ResourceVector& resources, v1::Resources& out) {
  out.set_cpu_milli(resources.cpu_milli);
  out.set_memory_bytes(resources.memory_bytes);
  out.set_gpus(resources.gpus);
  for (const auto& [name, amount] : resources.named) {
    (*out.mutable_named())[name] = amount;
  }
}

Result<ResourceVector> read_resources(std::string_view field, const v1::Resources& in) {
  if (in.cpu_milli() < 0 || in.memory_bytes() < 0 || in.gpus() < 0) {
    return bad_field(field, "a negative amount");
  }
  ResourceVector resources{.cpu_milli = in.cpu_milli(),
                           .memory_bytes = in.memory_bytes(),
                           .gpus = in.gpus(),
                           .named = {in.named().begin(), in.named().end()}};
  if (std::ranges::any_of(resources.named, [](const auto& entry) { return entry.second <= 0; })) {
    return bad_field(field, "a named amount that is not positive");
  }
  std::ranges::sort(resources.named);
  return resources;
}

void write_attempt_result(const AttemptResult& result, v1::AttemptResultProto& out) {
  out.set_state(static_cast<std::uint32_t>(result.state));
  out.set_reason(static_cast<std::uint32_t>(result.reason));
  out.set_message(result.message);
  if (result.exit_code) {
    out.set_exit_code(*result.exit_code);
  }
  if (result.signal) {
    out.set_signal(*result.signal);
  }
  out.set_wall_ms(result.wall_ms);
  out.set_cpu_ms(result.cpu_ms);
  out.set_memory_peak_bytes(result.memory_peak_bytes);
  out.set_stdout_bytes(result.stdout_bytes);
  out.set_stderr_bytes(result.stderr_bytes);
  out.set_results_bytes(result.results_bytes);
  out.set_truncated(result.truncated);
}

Result<AttemptResult> read_attempt_result(const v1::AttemptResultProto& in) {
  AttemptResult result;
  HEARTH_ASSIGN(result.state, read_enum("result.state", in.state(), kJobStateLast));
  if (!is_final(result.state)) {
    return bad_field("result.state", std::to_string(in.state()) + ", which is not an end");
  }
  HEARTH_ASSIGN(result.reason, read_enum("result.reason", in.reason(), kReasonLast));
  result.message = in.message();
  if (in.has_exit_code()) {
    result.exit_code = in.exit_code();
  }
  if (in.has_signal()) {
    result.signal = in.signal();
  }
  result.wall_ms = in.wall_ms();
  result.cpu_ms = in.cpu_ms();
  result.memory_peak_bytes = in.memory_peak_bytes();
  result.stdout_bytes = in.stdout_bytes();
  result.stderr_bytes = in.stderr_bytes();
  result.results_bytes = in.results_bytes();
  result.truncated = in.truncated();
  if (result.stdout_bytes < 0 || result.stderr_bytes < 0 || result.results_bytes < 0) {
    return bad_field("result.stdout_bytes", "a negative size");
  }
  return result;
}

}  // namespace hearth::wire
