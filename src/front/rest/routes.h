// The handlers behind the route table, grouped by what they are about. Private to the front door.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/controller_api.h"
#include "auth/token_table.h"
#include "front/rest/batch_reader.h"
#include "front/rest/event_hub.h"
#include "front/rest/feed_pages.h"
#include "front/rest/http_names.h"
#include "front/rest/job_answers.h"
#include "front/rest/rest_service.h"
#include "net/http_server.h"

namespace hearth::rest {

// What every handler may use; one per service.
struct Context {
  api::ControllerApi& api;
  api::TelemetryApi& telemetry;
  Clock& clock;
  EventHub& hub;
  FeedPages& pages;
  front::Door& door;
  JobAnswers& answers;
  const front::RouteTimes& times;
  const RestOptions& options;
};

using Handler = void (*)(Context&, Call);

void submit_job(Context& context, Call call);
void list_jobs(Context& context, Call call);
void get_job(Context& context, Call call);
void get_output(Context& context, Call call);
void get_job_events(Context& context, Call call);
void get_results(Context& context, Call call);
void get_result_file(Context& context, Call call);
void cancel_job(Context& context, Call call);
void retry_job(Context& context, Call call);
void explain_job(Context& context, Call call);
void list_agents(Context& context, Call call);
void drain_agent(Context& context, Call call);
void list_workers(Context& context, Call call);
void get_events(Context& context, Call call);
void get_telemetry(Context& context, Call call);
void take_worker_heartbeat(Context& context, Call call);
void get_health(Context& context, Call call);
void get_readiness(Context& context, Call call);
void get_metrics(Context& context, Call call);
void get_contract(Context& context, Call call);
void create_token(Context& context, Call call);
void list_tokens(Context& context, Call call);
void revoke_token(Context& context, Call call);
void open_session(Context& context, Call call);
void end_session(Context& context, Call call);

// The body of POST /v1/jobs:batch, as it arrives.
std::unique_ptr<net::BodySink> make_batch_sink(Context& context, BatchFormat format);

// Shared by them.
// Answers with a stream that ends when what the caller was granted ends.
void send_stream(Context& context, const Call& call, net::Response head,
                 std::unique_ptr<net::BodySource> source,
                 std::optional<std::int64_t> length = std::nullopt);

}  // namespace hearth::rest
