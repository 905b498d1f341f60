// Model values <-> the protobuf messages of proto/hearth/. The stored payload of a job is what an
// agent is sent: serialized once, at submission.
//
// Decoders fail with DataLoss on bytes that are not theirs, never abort. No protobuf type leaves
// here.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/agent.h"
#include "model/job.h"

namespace hearth::wire {

std::string encode_job_spec(const JobSpec& spec);  // without secret_env
Result<JobSpec> decode_job_spec(std::string_view bytes);
// Appended to an encoded spec, these dependencies stand in its `after` behind its own. For those
// that are known only after the spec was encoded.
std::string encode_more_after(const std::vector<Dependency>& after);
std::string encode_secrets(const std::map<std::string, std::string>& secret_env);  // "" when empty
Result<std::map<std::string, std::string>> decode_secrets(std::string_view bytes);

std::string encode_job_record(const JobRecord& record);
Result<JobRecord> decode_job_record(std::string_view bytes);
std::string encode_attempt(const Attempt& attempt);
Result<Attempt> decode_attempt(std::string_view bytes);
std::string encode_attempt_result(const AttemptResult& result);
Result<AttemptResult> decode_attempt_result(std::string_view bytes);
std::string encode_agent_record(const AgentRecord& record);
Result<AgentRecord> decode_agent_record(std::string_view bytes);

}  // namespace hearth::wire
