// The body of POST /v1/jobs and of one batch item as a value (spec §4, "A job's body").
//
// Pure. The only way in for what a client says of a job: everything behind it may trust that each
// field has its type and is within its limit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

#include "base/result.h"
#include "model/job_spec.h"

namespace hearth::rest {

// "@ref" in `after`: an earlier item of the same batch.
struct RefDependency {
  std::string ref;
  DependencyCondition condition = DependencyCondition::Ok;
  std::string field;  // where it stood, for errors
};

// Both ends belong to it.
struct ArrayRange {
  std::int64_t from = 0;
  std::int64_t to = 0;
};

struct JobRequest {
  JobSpec spec;
  std::string ref;  // of a batch item
  std::vector<RefDependency> after_refs;
  std::optional<ArrayRange> array;
};

enum class RequestKind { Single, BatchItem };

Result<JobRequest> parse_job_request(std::string_view text, RequestKind kind);
Result<JobRequest> read_job_request(const boost::json::value& value, RequestKind kind);

// One spec per element, the request's own without an array. Each element of an array gets its index
// and, so that keys stay unique, ":INDEX" behind its idempotency key.
std::vector<JobSpec> expand_array(JobRequest request);

// Of what a spec carries that may be large: command, script, environments, labels, input.
std::int64_t payload_bytes(const JobSpec& spec);

// Every field a request may have, for the tests that hold the contract against it.
std::vector<std::string_view> job_request_fields();

}  // namespace hearth::rest
