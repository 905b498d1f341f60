// What moves between the threads of the loop. Internal to api/.
//
//   callers --Envelope--> core thread --Turn--> writer thread --effects, replies, notices-->
//   callers
#pragma once

#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "api/controller_api.h"
#include "core/command.h"
#include "core/effect.h"
#include "model/change_set.h"

namespace hearth::api {

// The job is named, because a job that ended long ago is answered from the store.
struct CancelSink {
  JobId job;
  Callback<JobView> done;
};
struct ExplainSink {
  JobId job;
  Callback<core::Explanation> done;
};

// Who waits for a command's answer; nobody for what agents report.
using ReplySink =
    std::variant<std::monostate, Callback<SubmitResults>, CancelSink, ExplainSink, Callback<bool>>;

// Answers `sink`, whatever it waits for, with `error`.
void answer_error(const ReplySink& sink, const Error& error);

struct Envelope {
  core::Command command;
  ReplySink reply;

  [[nodiscard]] bool is_from_client() const {
    return !std::holds_alternative<std::monostate>(reply);
  }
};

using ReplySinks = std::unordered_map<core::RequestToken, ReplySink>;

// Decided together; durable together; released in order after that.
struct Turn {
  ChangeSet changes;
  std::vector<core::Effect> effects;
  ReplySinks replies;  // for the Reply effects, by token

  [[nodiscard]] bool empty() const { return changes.empty() && effects.empty(); }
};

void answer_error(Turn& turn, const Error& error);

}  // namespace hearth::api
