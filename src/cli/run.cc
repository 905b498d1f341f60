#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include <boost/json.hpp>

#include "base/random.h"
#include "base/unique_fd.h"
#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/json_text.h"
#include "cli/upload.h"

namespace hearth::cli {

namespace {

constexpr int kSubmitTries = 20;
constexpr Duration kSubmitPause{500};

// The key makes the submission repeatable: when the connection breaks before the answer, the same
// job is found and none is made twice.
Result<boost::json::value> submit_once(Session& session, const std::string& body) {
  for (int tries = 1;; ++tries) {
    auto answer = session.post("/v1/jobs", body);
    const bool broken =
        !answer && is_absence(answer.error()) && answer.error().sys_errno != ECONNREFUSED;
    if (!broken || tries == kSubmitTries || session.wait(kSubmitPause)) {
      return answer;
    }
  }
}

}  // namespace

Result<int> run_job(Session& session, const RunCommand& command) {
  JobOptions options = command.job;
  if (options.idempotency_key.empty()) {
    options.idempotency_key = "run-" + random_hex(16);
  }
  HEARTH_ASSIGN(const std::string body, prepare_job(session, options));
  HEARTH_ASSIGN(const auto submitted, submit_once(session, body));
  const std::string id = text_of(submitted, "id");
  Follower follower(session, id, {.cancel_on_interrupt = true, .stream = {}, .attempt = {}});
  HEARTH_ASSIGN(const Followed followed, follower.run());
  if (followed.left) {
    HEARTH_TRY(
        session.err("hearth: left job " + id + "; see it with: hearth logs -f " + id + "\n"));
    return exit_code_of(boost::json::object{{"state", "CANCELLED"}});
  }
  HEARTH_ASSIGN(const auto job, session.get_patiently("/v1/jobs/" + url_encode(id)));
  HEARTH_TRY(session.err(session.json() ? boost::json::serialize(job) + "\n"
                                        : "hearth: " + summary_of(job) + "\n"));
  return exit_code_of(job);
}

}  // namespace hearth::cli
