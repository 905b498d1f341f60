// Answers that every front door gives in the same way.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "front/http/route.h"

namespace hearth::front {

// Never kept by anybody on the way: what it tells changes.
net::Response json_response(int status, std::string body);
// Routes that take no body still take an empty object: clients like to send one.
Result<> check_empty_body(const Call& call);
Error no_such_job(std::string_view id);

}  // namespace hearth::front
