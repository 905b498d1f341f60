// Tokens as JSON: what is shown of one, and what may be asked for.
#pragma once

#include <string_view>

#include "auth/token_table.h"
#include "base/result.h"
#include "net/json_writer.h"

namespace hearth::rest {

// The members of a token, into an open object.
void write_token(net::JsonWriter& json, const auth::TokenRecord& token, TimePoint now);

// A body of POST /v1/tokens: without id, hash and parent.
Result<auth::NewToken> parse_new_token(std::string_view body, TimePoint now);

// {"token": TEXT} of POST /v1/session.
Result<std::string> parse_session_request(std::string_view body);

}  // namespace hearth::rest
