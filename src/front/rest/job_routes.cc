// Routes about one job or a list of them.
#include <algorithm>

#include "front/rest/feed.h"
#include "front/rest/job_events.h"
#include "front/rest/job_json.h"
#include "front/rest/job_query.h"
#include "front/rest/output_source.h"
#include "front/rest/routes.h"
#include "front/rest/sse.h"
#include "net/problem.h"

namespace hearth::rest {

namespace {

// The first read of an output answer; more of it is pulled as the reader takes it.
constexpr std::int64_t kFirstReadBytes = 64 * limits::kKiB;

constexpr std::array<std::string_view, 4> kOutputParameters = {"stream", "offset", "attempt",
                                                               "follow"};
constexpr std::array<std::string_view, 1> kEventsParameters = {"output"};

Result<JobId> job_of(const Call& call) {
  const auto id = parse_job_id(call.parameters.front());
  if (!id) {
    return no_such_job(call.parameters.front());
  }
  return *id;
}

struct OutputRequest {
  OutputRange range;
  bool follow = false;
};

Result<OutputRequest> read_output_request(const Call& call, const JobView& job) {
  HEARTH_TRY(check_names(call.query, kOutputParameters));
  HEARTH_ASSIGN(const auto stream_name, text_parameter(call.query, "stream"));
  const auto stream = parse_stream(stream_name.value_or("stdout"));
  if (!stream || *stream == StreamKind::Results) {
    return invalid_field("stream", "the parameter stream must be stdout or stderr");
  }
  HEARTH_ASSIGN(const auto offset, integer_parameter(call.query, "offset", 0, INT64_MAX));
  HEARTH_ASSIGN(const auto attempt, integer_parameter(call.query, "attempt", 1, UINT32_MAX));
  HEARTH_ASSIGN(const bool follow, flag_parameter(call.query, "follow"));
  const auto number = static_cast<std::uint32_t>(attempt.value_or(job.record.attempt));
  if (number > job.record.attempt) {
    return not_found("job " + to_string(job.record.id) + " has no attempt " +
                     std::to_string(number) + "; its latest is " +
                     std::to_string(job.record.attempt));
  }
  OutputRequest request{.range = {.job = job.record.id,
                                  // Before the first attempt its output is waited for.
                                  .attempt = follow ? std::max(number, 1U) : number,
                                  .stream = *stream,
                                  .offset = offset.value_or(0),
                                  .end = std::nullopt},
                        .follow = follow};
  return request;
}

net::Response output_head(const OutputRange& range, std::int64_t size, bool complete) {
  return {.status = 200,
          .content_type = "application/octet-stream",
          .headers = {{"Content-Security-Policy", "sandbox"},
                      {"Cache-Control", "no-store"},
                      {"Hearth-Offset", std::to_string(range.offset)},
                      {"Hearth-Size", std::to_string(size)},
                      {"Hearth-Attempt", std::to_string(range.attempt)},
                      {"Hearth-Complete", complete ? "true" : "false"}},
          .body = {}};
}

// What is known of the stream at `range.offset`; nothing, when the attempt has written nothing yet.
Result<output::OutputSlice> first_slice(api::ControllerApi& api, const OutputRange& range,
                                        std::int64_t max) {
  output::OutputSlice none;
  none.slice.offset = none.slice.next_offset = range.offset;
  if (range.attempt == 0) {
    return none;
  }
  auto answer = api.output({.job = range.job,
                            .attempt = range.attempt,
                            .stream = range.stream,
                            .offset = range.offset,
                            .max = max});
  if (answer) {
    return std::move(answer->slice);
  }
  return answer.error().code == ErrorCode::NotFound ? Result<output::OutputSlice>(none)
                                                    : Result<output::OutputSlice>(answer.error());
}

void send_output(Context& context, const Call& call, OutputRequest request) {
  OutputRange& range = request.range;
  const auto first = first_slice(context.api, range, kFirstReadBytes);
  if (!first) {
    call.responder.fail(first.error());
    return;
  }
  range.offset = first->slice.offset;
  const auto got = static_cast<std::int64_t>(first->slice.bytes.size());
  net::Response head = output_head(range, first->size, first->complete);
  if (request.follow) {
    send_stream(context, call, std::move(head),
                make_output_source(context.api, context.hub, range, call.responder.wakeup()));
    return;
  }
  // Where what is kept from here on ends: at a gap or at the end.
  const std::int64_t end = std::max(first->slice.kept_until, range.offset + got);
  if (end < first->size) {
    OutputRange behind = range;
    behind.offset = std::max(end, first->slice.next_offset);
    const auto next = first_slice(context.api, behind, /*max=*/1);
    head.headers.emplace_back("Hearth-Next-Offset",
                              std::to_string(next ? next->slice.offset : behind.offset));
  }
  if (end == range.offset + got) {
    head.body = first->slice.bytes;
    call.responder.send(std::move(head));
    return;
  }
  range.end = end;
  // The length is sure only when nothing is dropped any more.
  const auto length = first->complete ? std::optional(end - range.offset) : std::nullopt;
  send_stream(context, call, std::move(head),
              make_output_source(context.api, context.hub, range, call.responder.wakeup()), length);
}

void answer_cancel(const net::Responder& responder, const Result<JobView>& view) {
  if (!view) {
    responder.fail(view.error());
    return;
  }
  responder.send(json_response(view->record.cancel_requested_at ? 202 : 200, job_json(*view)));
}

}  // namespace

void send_stream(Context& context, const Call& call, net::Response head,
                 std::unique_ptr<net::BodySource> source, std::optional<std::int64_t> length) {
  call.responder.stream(std::move(head),
                        context.door.guard(std::move(source), call.caller, call.responder.wakeup()),
                        length);
}

void list_jobs(Context& context, Call call) {
  auto names = check_names(call.query, kJobFilters);
  auto query = read_job_query(call.query);
  if (!names || !query) {
    call.responder.fail(!names ? names.error() : query.error());
    return;
  }
  std::string body;
  net::JsonWriter json(body);
  json.begin_object();
  if (auto written = write_job_page(json, body, context.api, *query); !written) {
    call.responder.fail(written.error());
    return;
  }
  json.end_object();
  call.responder.send(json_response(200, std::move(body)));
}

void get_job(Context& context, Call call) {
  const auto id = job_of(call);
  if (!id) {
    call.responder.fail(id.error());
    return;
  }
  const std::uint64_t version = context.api.version_of(*id);
  if (auto kept = context.answers.find(*id, version)) {
    call.responder.send(json_response(200, std::move(*kept)));
    return;
  }
  const auto view = context.api.get(*id);
  if (!view) {
    call.responder.fail(view.error());
    return;
  }
  std::string body = job_json(*view);
  context.answers.keep(*id, version, body);
  call.responder.send(json_response(200, std::move(body)));
}

void get_output(Context& context, Call call) {
  const auto id = job_of(call);
  const auto view = id ? context.api.get(*id) : Result<JobView>(id.error());
  auto request = view ? read_output_request(call, *view) : Result<OutputRequest>(view.error());
  if (!request) {
    call.responder.fail(request.error());
    return;
  }
  send_output(context, call, *request);
}

void get_job_events(Context& context, Call call) {
  const auto id = job_of(call);
  const auto view = id ? context.api.get(*id) : Result<JobView>(id.error());
  auto names = check_names(call.query, kEventsParameters);
  if (!view || !names) {
    call.responder.fail(!view ? view.error() : names.error());
    return;
  }
  const auto output = text_parameter(call.query, "output");
  JobEventsOptions options{.with_output = !output || !*output || **output != "0"};
  // An id that is not ours: the whole history again rather than an error no EventSource can show.
  options.from = parse_job_cursor(call.request.header("last-event-id")).value_or(JobCursor{});
  send_stream(context, call,
              net::Response{.content_type = "text/event-stream",
                            .headers = {{"Cache-Control", "no-store"}}},
              make_job_events(context.api, context.hub, *id, options, call.responder.wakeup()));
}

void cancel_job(Context& context, Call call) {
  const auto id = job_of(call);
  auto body = check_empty_body(call);
  const auto view = id ? context.api.get(*id) : Result<JobView>(id.error());
  if (!view || !body) {
    call.responder.fail(!view ? view.error() : body.error());
    return;
  }
  if (is_final(view->record.state)) {
    call.responder.send(json_response(200, job_json(*view)));
    return;
  }
  context.api.cancel(*id, [responder = call.responder](Result<JobView> cancelled) {
    auto kept = std::make_shared<Result<JobView>>(std::move(cancelled));
    responder.post([responder, kept] { answer_cancel(responder, *kept); });
  });
}

void retry_job(Context& context, Call call) {
  const auto id = job_of(call);
  auto body = check_empty_body(call);
  if (!id || !body) {
    call.responder.fail(!id ? id.error() : body.error());
    return;
  }
  context.api.retry(
      *id, [&context, responder = call.responder](const Result<core::SubmitOutcome>& outcome) {
        if (!outcome) {
          responder.fail(outcome.error());
          return;
        }
        responder.post([&context, responder, made = outcome->id] {
          const auto view = context.api.get(made);
          if (!view) {
            responder.fail(view.error());
            return;
          }
          net::Response response = json_response(201, job_json(*view));
          response.headers.emplace_back("Location", "/v1/jobs/" + to_string(made));
          responder.send(std::move(response));
        });
      });
}

void explain_job(Context& context, Call call) {
  const auto id = job_of(call);
  if (!id) {
    call.responder.fail(id.error());
    return;
  }
  context.api.explain(*id,
                      [responder = call.responder](const Result<core::Explanation>& explanation) {
                        if (!explanation) {
                          responder.fail(explanation.error());
                          return;
                        }
                        std::string body;
                        net::JsonWriter json(body);
                        write_explanation(json, *explanation);
                        responder.send(json_response(200, std::move(body)));
                      });
}

}  // namespace hearth::rest
