// Jobs, agents and the rest of what clients are shown, as JSON (spec §4, "A job's answer"). Pure.
#pragma once

#include <string>
#include <vector>

#include "api/controller_api.h"
#include "net/json_writer.h"

namespace hearth::rest {

// The whole job: what was asked for, without secrets, and what became of it.
void write_job(net::JsonWriter& json, const JobView& job);
// What happened to a job and what changed with it, for streams that tell of many.
void write_job_event(net::JsonWriter& json, const JobEvent& event);
void write_agent(net::JsonWriter& json, const AgentView& agent);
void write_explanation(net::JsonWriter& json, const core::Explanation& explanation);

std::string job_json(const JobView& job);

}  // namespace hearth::rest
