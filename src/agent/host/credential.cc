#include "agent/host/credential.h"

#include <utility>

#include "auth/token.h"
#include "base/door_limits.h"
#include "base/files.h"
#include "base/random.h"

namespace hearth::agent {
namespace {

constexpr unsigned kOwnerOnly = 0600;

std::string path_in(const std::string& data_dir) {
  return data_dir + "/credential";
}

}  // namespace

Result<std::optional<std::string>> read_credential(const std::string& data_dir) {
  const std::string path = path_in(data_dir);
  Result<std::string> text = read_file(path, limits::kTokenFileBytesMax);
  if (!text && text.error().code == ErrorCode::NotFound) {
    return std::optional<std::string>();
  }
  HEARTH_TRY(text);
  while (!text->empty() && text->back() == '\n') {
    text->pop_back();
  }
  if (!auth::parse_token(*text)) {
    return Error{.code = ErrorCode::DataLoss,
                 .message = path +
                            " holds no credential; remove the file and start the agent with "
                            "a join token to get a new one"};
  }
  return std::optional(*std::move(text));
}

Result<std::string> make_credential(const std::string& data_dir) {
  const auth::TokenId id =
      auth::make_token_id(auth::TokenKind::Agent, random_hex(auth::kTokenIdRandomBytes));
  std::string text = token_text(id, random_hex(auth::kTokenSecretBytes));
  HEARTH_TRY(write_file_atomically(path_in(data_dir), text + "\n", kOwnerOnly));
  return text;
}

Result<LinkCredential> choose_credential(const std::string& data_dir, const std::string& given) {
  const auto parsed = auth::parse_token(given);
  const bool is_join = parsed && parsed->kind == auth::TokenKind::Join;
  if (!given.empty() && !is_join) {
    return LinkCredential{.token = given, .join_token = "", .is_new = false};
  }
  HEARTH_ASSIGN(const std::optional<std::string> kept, read_credential(data_dir));
  LinkCredential credential{.token = kept.value_or(""), .join_token = given, .is_new = false};
  if (is_join && !kept) {
    HEARTH_ASSIGN(credential.token, make_credential(data_dir));
    credential.is_new = true;
  }
  return credential;
}

}  // namespace hearth::agent
