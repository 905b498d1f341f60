#include "front/http/answers.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace hearth::front {

net::Response json_response(int status, std::string body) {
  return {.status = status, .headers = {{"Cache-Control", "no-store"}}, .body = std::move(body)};
}

Result<> check_empty_body(const Call& call) {
  const std::string& body = call.request.body;
  std::string text;
  std::copy_if(body.begin(), body.end(), std::back_inserter(text),
               [](char c) { return c != ' ' && c != '\t' && c != '\r' && c != '\n'; });
  if (text.empty() || text == "{}") {
    return {};
  }
  return Error{.code = ErrorCode::InvalidArgument,
               .message = "this request takes no fields; send {} or nothing",
               .kind = "unknown_field"};
}

Error no_such_job(std::string_view id) {
  return not_found("there is no job " + std::string(id.substr(0, 80)));
}

}  // namespace hearth::front
