// Tokens through a connection of their own, so that making one waits for no batch of jobs but the
// one being committed. Internal to sqlite/.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "store/token_store.h"

namespace hearth::store::sqlite {

Result<std::unique_ptr<TokenStore>> open_token_store(const std::string& path,
                                                     const std::string& vfs);

}  // namespace hearth::store::sqlite
