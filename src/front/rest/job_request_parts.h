// The fields of a job's body that are more than one plain value. Private to the codec.
#pragma once

#include <boost/json/value.hpp>

#include "base/limits.h"
#include "front/rest/http_names.h"
#include "front/rest/job_request.h"

namespace hearth::rest {

inline constexpr TextRule kNameRule = {limits::kNameBytesMax, "name_bytes_max"};

// What one request is read into, with what only concerns the reading.
struct Reading {
  JobRequest request;
  RequestKind kind = RequestKind::Single;
  std::int64_t environment_bytes = 0;
  bool has_cpu_limit = false;
  bool has_grace = false;
  bool has_sandbox = false;
};

// Each reads the value of its field into `reading`.
Result<> read_script(const boost::json::value& value, const FieldPath& path, Reading& reading);
Result<> read_image(const boost::json::value& value, const FieldPath& path, Reading& reading);
Result<> read_upload(const boost::json::value& value, const FieldPath& path, Reading& reading);
Result<> read_results(const boost::json::value& value, const FieldPath& path, Reading& reading);
Result<> read_command(const boost::json::value& value, const FieldPath& path, Reading& reading);
Result<> read_required_cpu(const boost::json::value& value, const FieldPath& path,
                           Reading& reading);
Result<> read_cpu_limit(const boost::json::value& value, const FieldPath& path, Reading& reading);
Result<> read_resources(const boost::json::value& value, const FieldPath& path, Reading& reading);
Result<> read_cwd(const boost::json::value& value, const FieldPath& path, Reading& reading);
Result<> read_stdin(const boost::json::value& value, const FieldPath& path, Reading& reading);
Result<> read_grace(const boost::json::value& value, const FieldPath& path, Reading& reading);
Result<> read_sandbox(const boost::json::value& value, const FieldPath& path, Reading& reading);
Result<> read_backoff(const boost::json::value& value, const FieldPath& path, Reading& reading);
Result<> read_retry_on(const boost::json::value& value, const FieldPath& path, Reading& reading);
Result<> read_after(const boost::json::value& value, const FieldPath& path, Reading& reading);
Result<> read_range(const boost::json::value& value, const FieldPath& path, Reading& reading);
Result<> read_not_before(const boost::json::value& value, const FieldPath& path, Reading& reading);
Result<> read_on_infeasible(const boost::json::value& value, const FieldPath& path,
                            Reading& reading);
Result<> read_on_output_limit(const boost::json::value& value, const FieldPath& path,
                              Reading& reading);
Result<> read_idempotency_key(const boost::json::value& value, const FieldPath& path,
                              Reading& reading);

}  // namespace hearth::rest
