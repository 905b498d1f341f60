// Errors on the wire: RFC 9457 application/problem+json, the same from every front door.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "net/http_message.h"

namespace hearth::net {

// `kind` of the error, or the one its ErrorCode stands for.
std::string_view problem_code(const Error& error);
int problem_status(const Error& error);

// The JSON object {"type","title","status","code","detail",…}; `status` 0: as the error says.
std::string problem_json(const Error& error, int status = 0);
Response problem_response(const Error& error, int status = 0);

// Every code with its status, for the contract's tests.
struct ProblemKind {
  std::string_view code;
  int status;
  std::string_view title;
};
const std::vector<ProblemKind>& problem_kinds();

}  // namespace hearth::net
