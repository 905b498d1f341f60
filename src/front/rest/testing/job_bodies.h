// Bodies of POST /v1/jobs for the tests of their codec.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "front/rest/job_request.h"

namespace hearth::rest::testing {

inline Result<JobRequest> parse(std::string_view text) {
  return parse_job_request(text, RequestKind::Single);
}

// A good body with more members: with(R"("gpus":1)").
inline std::string with(std::string_view members) {
  return R"({"command":["true"],)" + std::string(members) + "}";
}

// A good script with more members of the job.
inline std::string script_with(std::string_view members) {
  return R"({"script":{"language":"js","code":"1"},)" + std::string(members) + "}";
}

inline std::string repeated(char c, std::int64_t count) {
  return std::string(static_cast<std::size_t>(count), c);
}

}  // namespace hearth::rest::testing
