// Exactly what an agent lacks for a class of jobs, as facts and sentences.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/effect.h"
#include "core/state.h"

namespace hearth::core {

// What keeps the class from this agent now, first of all what could never change; empty: it fits.
std::vector<WaitReason> shortfalls(const State& state, AgentSlot agent, const sched::ClassKey& key,
                                   sched::ClassId own_class);

// When the agent of that reason came to have too little, at the latest; nullopt: that is not known.
std::optional<TimePoint> short_since(const State& state, AgentSlot agent, const WaitReason& reason);

// Why no registered agent could ever hold it, naming what the closest ones lack.
std::string infeasible_message(const State& state, const sched::ClassKey& key);

// "lang:js" as a reader of sentences knows it.
std::string feature_text(const std::string& feature);

std::string request_text(const ResourceVector& request);

}  // namespace hearth::core
