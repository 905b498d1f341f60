// What is kept beside an archive, as text.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "uploads/upload_store.h"

namespace hearth::uploads {

std::string write_info(const Upload& upload);
// Of the upload with that id; DataLoss for what write_info() does not write.
Result<Upload> read_info(std::string_view text, const std::string& id);

}  // namespace hearth::uploads
