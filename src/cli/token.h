// What `hearth token` asks for and prints, whether over REST or straight in a data directory.
#pragma once

#include <string>

#include <boost/json/fwd.hpp>

#include "base/result.h"
#include "cli/options.h"

namespace hearth::cli {

// The body of POST /v1/tokens.
Result<std::string> new_token_body(const TokenCommand& command);

struct TokenText {
  std::string out;
  std::string err;
};
// The arguments are answers of the REST interface.
TokenText made_token_text(const boost::json::value& made, bool as_json);
std::string token_list_text(const boost::json::value& list, bool as_json);
std::string revoked_token_text(const boost::json::value& token, bool as_json);

}  // namespace hearth::cli
