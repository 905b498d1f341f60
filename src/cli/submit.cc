#include <set>

#include <boost/json.hpp>

#include "cli/commands.h"
#include "cli/job_request.h"
#include "cli/json_text.h"
#include "cli/progress.h"
#include "cli/stdin_source.h"
#include "cli/upload.h"

namespace hearth::cli {

namespace {

// What a submission came to: the ids that were made, and how many items were refused.
struct Submitted {
  std::vector<std::string> ids;
  std::int64_t refused = 0;
};

Result<Submitted> submit_batch(Session& session, const SubmitCommand& command) {
  HEARTH_ASSIGN(const std::string text,
                read_stdin_source(command.from, session.terminal(), limits::kBatchBodyBytesMax));
  HEARTH_ASSIGN(const auto answer, session.post("/v1/jobs:batch", text, batch_content_type(text)));
  Submitted submitted;
  std::int64_t item = 0;
  for (const auto& result : answer.at("results").as_array()) {
    ++item;
    if (has_value(result, "id")) {
      submitted.ids.push_back(text_of(result, "id"));
      continue;
    }
    ++submitted.refused;
    const auto* error = result.as_object().if_contains("error");
    HEARTH_TRY(session.err("hearth: item " + std::to_string(item) + ": " +
                           (error == nullptr ? "refused" : text_of(*error, "detail")) + "\n"));
  }
  return submitted;
}

Result<Submitted> submit_flags(Session& session, const SubmitCommand& command) {
  HEARTH_ASSIGN(const std::string body, prepare_job(session, command.job));
  HEARTH_ASSIGN(const auto answer, session.post("/v1/jobs", body));
  Submitted submitted;
  if (const auto* ids = answer.as_object().if_contains("ids"); ids != nullptr && ids->is_array()) {
    for (const auto& id : ids->get_array()) {
      submitted.ids.emplace_back(id.as_string());
    }
  } else {
    submitted.ids.push_back(text_of(answer, "id"));
  }
  return submitted;
}

Result<> print_ids(const Session& session, const Submitted& submitted) {
  if (session.json()) {
    return session.out(boost::json::serialize(boost::json::object{
                           {"ids", boost::json::array(submitted.ids.begin(), submitted.ids.end())},
                           {"refused", submitted.refused}}) +
                       "\n");
  }
  std::string text;
  for (const std::string& id : submitted.ids) {
    text += id + "\n";
  }
  return session.out(text);
}

}  // namespace

Result<int> submit_jobs(Session& session, const SubmitCommand& command) {
  if (!command.from.empty() && !(command.job.command.empty() && command.job.script_from.empty())) {
    return invalid_argument("--from and a command or script exclude each other");
  }
  if (!command.from.empty() && !command.job.upload_from.empty()) {
    return invalid_argument("--from and --upload exclude each other: its items name uploads by id");
  }
  HEARTH_ASSIGN(const Submitted submitted, command.from.empty() ? submit_flags(session, command)
                                                                : submit_batch(session, command));
  HEARTH_TRY(print_ids(session, submitted));
  if (!command.wait) {
    return submitted.refused > 0 ? kExitBadNews : kExitFine;
  }
  Progress progress(session, {submitted.ids.begin(), submitted.ids.end()});
  HEARTH_ASSIGN(const Tally tally, progress.run());
  return tally.left || tally.ended != tally.completed || submitted.refused > 0 ? kExitBadNews
                                                                               : kExitFine;
}

}  // namespace hearth::cli
