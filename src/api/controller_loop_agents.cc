// The agents' side of the loop, and the output they bring.
#include <algorithm>
#include <utility>

#include "api/controller_loop.h"
#include "api/loop_parts.h"
#include "api/views.h"

namespace hearth::api {
namespace {

output::OutputSlice slice_of(const std::string& bytes, const OutputQuery& query) {
  output::OutputSlice answer;
  answer.size = static_cast<std::int64_t>(bytes.size());
  answer.slice.offset = query.offset;
  if (query.offset < answer.size) {
    answer.slice.bytes =
        bytes.substr(static_cast<std::size_t>(query.offset), static_cast<std::size_t>(query.max));
  }
  answer.slice.next_offset = query.offset + static_cast<std::int64_t>(answer.slice.bytes.size());
  return answer;
}

// Which attempt a reader means, and whether it has ended, as the store's row says.
struct ChosenAttempt {
  std::uint32_t number = 0;
  bool ended = false;
};

Result<ChosenAttempt> choose_attempt(const store::StoredJob& job, const OutputQuery& query) {
  const JobRecord& record = job.record;
  const std::uint32_t number = query.attempt.value_or(record.attempt);
  if (query.attempt && (number == 0 || number > record.attempt)) {
    return not_found("job " + to_string(query.job) + " has no attempt " + std::to_string(number) +
                     "; the latest is " + std::to_string(record.attempt));
  }
  const auto found = std::find_if(job.attempts.begin(), job.attempts.end(),
                                  [&](const Attempt& it) { return it.number == number; });
  const bool ended =
      found != job.attempts.end() ? found->ended_at.has_value() : is_final(record.state);
  return ChosenAttempt{.number = number, .ended = ended};
}

}  // namespace

std::uint64_t ControllerLoop::open(AgentInfo info, std::vector<core::HeldAttempt> held,
                                   std::shared_ptr<AgentConnection> connection) {
  const std::uint64_t link = impl_->links.add(connection);
  impl_->telemetry.link_opened(link, info, std::move(connection));
  impl_->core_thread.post_link(
      core::AgentHello{.link = link, .info = std::move(info), .held = std::move(held)});
  return link;
}

void ControllerLoop::closed(std::uint64_t link, const AgentId& agent) {
  impl_->deps.log.info("the link of an agent is closed",
                       {{"agent", agent.value()}, {"link", link}});
  impl_->links.remove(link);
  impl_->desk.link_closed(link);
  impl_->telemetry.link_closed(link, agent);
  impl_->core_thread.post_link(core::AgentLinkClosed{.link = link, .agent = agent});
}

void ControllerLoop::heartbeat(std::uint64_t link, const AgentId& agent, AgentUsage usage) {
  if (usage.heartbeat_interval) {
    impl_->telemetry.beats_each(link, agent, *usage.heartbeat_interval);
  }
  impl_->core_thread.heartbeat({.link = link, .agent = agent, .usage = usage});
}

void ControllerLoop::draining(std::uint64_t link, const AgentId& agent) {
  impl_->report(link, core::AgentDraining{.link = link, .agent = agent});
}

void ControllerLoop::started(std::uint64_t link, const AgentId& agent, const AttemptKey& key) {
  impl_->report(link, core::AttemptStarted{.link = link, .agent = agent, .key = key});
}

void ControllerLoop::finished(std::uint64_t link, const AgentId& agent, const AttemptKey& key,
                              AttemptResult result) {
  impl_->desk.finished(link, agent, key, std::move(result));
}

void ControllerLoop::progress(std::uint64_t link, const AgentId& agent, const AttemptKey& key,
                              std::int32_t percent, std::string text) {
  impl_->report(
      link,
      core::AttemptProgress{
          .link = link, .agent = agent, .key = key, .percent = percent, .text = std::move(text)});
}

Result<std::int64_t> ControllerLoop::output(const AgentId& agent, const AttemptKey& key,
                                            StreamKind stream, std::int64_t offset,
                                            std::string_view bytes) {
  return impl_->desk.output(agent, key, stream, offset, bytes);
}

// Only what a job of its own names: an agent that was broken into has no more than that.
Result<uploads::OpenUpload> ControllerLoop::open_upload(const AgentId& agent, const AttemptKey& key,
                                                        const std::string& upload) {
  HEARTH_TRY(impl_->desk.check_current(agent, key));
  if (upload.empty() || impl_->uses.upload_of(key.job) != upload) {
    return Error{
        .code = ErrorCode::PermissionDenied,
        .message = "job " + to_string(key.job) + " does not name the upload \"" + upload + "\"",
        .kind = "forbidden"};
  }
  return impl_->deps.uploads->open(upload);
}

void ControllerLoop::telemetry(std::uint64_t link, const AgentId& agent, TelemetryReport report) {
  impl_->telemetry.report(link, agent, std::move(report));
}

void ControllerLoop::telemetry_answer(std::uint64_t link, std::uint64_t query,
                                      Result<TelemetrySeries> series) {
  impl_->telemetry.answer(link, query, std::move(series));
}

std::uint64_t ControllerLoop::controller_epoch() {
  return impl_->epoch;
}

// The row is read before the bytes: if it says that the attempt has ended, its small output is in
// the store for sure. The other way round an end in between would make it look empty.
Result<OutputAnswer> ControllerLoop::output(const OutputQuery& query) {
  if (query.offset < 0 || query.max <= 0) {
    return invalid_field(query.offset < 0 ? "offset" : "max",
                         "read output: offset must be at least 0 and the amount above 0");
  }
  // The usual follower: an attempt that runs, of which the store need not be asked.
  const std::optional<std::uint32_t> current = impl_->desk.current_attempt(query.job);
  if (current && query.attempt.value_or(*current) == *current) {
    Result<output::OutputSlice> live = impl_->deps.outputs.read(
        {.job = query.job, .attempt = *current, .stream = query.stream}, query.offset, query.max);
    if (live) {
      return OutputAnswer{.attempt = *current, .slice = std::move(*live)};
    }
  }
  HEARTH_ASSIGN(ReaderPool::Lease reader, impl_->readers.lend());
  HEARTH_ASSIGN(const std::optional<store::StoredJob> job, reader->job(query.job));
  if (!job) {
    return no_such_job(query.job);
  }
  HEARTH_ASSIGN(const ChosenAttempt attempt, choose_attempt(*job, query));
  Result<output::OutputSlice> kept = impl_->deps.outputs.read(
      {.job = query.job, .attempt = attempt.number, .stream = query.stream}, query.offset,
      query.max);
  if (kept) {
    kept->complete = kept->complete || attempt.ended;
    return OutputAnswer{.attempt = attempt.number, .slice = std::move(*kept)};
  }
  if (kept.error().code != ErrorCode::NotFound) {
    return std::move(kept).error();
  }
  HEARTH_ASSIGN(const std::optional<std::string> stored,
                reader->inline_output(query.job, attempt.number, query.stream));
  OutputAnswer answer{.attempt = attempt.number,
                      .slice = slice_of(stored.value_or(std::string{}), query)};
  // Inline output is written by the commit that ends the attempt.
  answer.slice.complete = attempt.ended || stored.has_value();
  return answer;
}

output::ListenerId ControllerLoop::listen_output(JobId job, output::OutputListener listener) {
  return impl_->deps.outputs.listen(job, std::move(listener));
}

void ControllerLoop::unlisten_output(JobId job, output::ListenerId id) {
  impl_->deps.outputs.unlisten(job, id);
}

}  // namespace hearth::api
