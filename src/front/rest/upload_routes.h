// Uploads: the body of POST /v1/uploads, and what jobs name of them.
#pragma once

#include <array>
#include <memory>
#include <string_view>

#include "api/controller_api.h"
#include "base/upload_limits.h"
#include "front/http/route.h"
#include "model/job_spec.h"
#include "net/http_server.h"
#include "uploads/upload_store.h"

namespace hearth::rest {

// What an archive is found to be by its content; these are all that clients call one, and none is
// what a form of a web page can send.
inline constexpr auto kArchiveTypes = std::to_array<std::string_view>(
    {"application/zip", "application/x-zip-compressed", "application/x-tar", "application/gzip",
     "application/x-gzip", "application/zstd", "application/octet-stream"});
inline constexpr front::BodyRule kArchiveBody = {
    .types = kArchiveTypes,
    .said =
        "application/zip, application/x-tar, application/gzip, application/zstd or "
        "application/octet-stream",
    .bytes_max = limits::kUploadBytesMax,
    .limit_name = "upload_bytes_max"};

// Null: there are no uploads here.
Result<std::unique_ptr<net::BodySink>> make_upload_sink(uploads::UploadStore* store);

// Fails when the job names an upload that is not there.
Result<> check_upload(api::ControllerApi& api, const JobSpec& spec);

}  // namespace hearth::rest
