#include "front/tasks/tasks_service.h"

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "base/task_limits.h"
#include "front/http/answers.h"
#include "front/http/json_members.h"
#include "front/http/query.h"
#include "front/tasks/submission.h"
#include "front/tasks/task_json.h"
#include "front/tasks/task_query.h"
#include "front/tasks/task_request.h"
#include "front/tasks/task_waits.h"

namespace hearth::tasks {

namespace {

using auth::Need;
using front::Call;

constexpr std::int64_t kJobsPerRead = 50;  // each may be as large as its request

// What every handler may use; one per service.
struct Context {
  api::ControllerApi& api;
  TaskWaits& waits;
  const callbacks::CallbackPolicy& policy;
};

Result<JobView> find_task(Context& context, const Call& call) {
  const std::string& text = call.parameters.front();
  const auto id = parse_job_id(text);
  if (!id) {
    return not_found("there is no task " + text.substr(0, 80));
  }
  auto job = context.api.get(*id);
  if (!job && job.error().code == ErrorCode::NotFound) {
    return not_found("there is no task " + text +
                     ": it never was, or it ended so long ago that its record was removed");
  }
  return job;
}

void send_task(Context& context, const net::Responder& responder, const JobView& job,
               int status = 200) {
  auto text = task_json(context.api, job);
  if (!text) {
    responder.fail(text.error());
    return;
  }
  responder.send(front::json_response(status, std::move(*text)));
}

// On a thread of the controller, before it tells of the end of any of these.
void answer_submission(Context& context, const std::shared_ptr<Submission>& submission,
                       const std::optional<std::uint64_t>& wait,
                       Result<api::SubmitResults> results) {
  if (!results) {
    submission->fail(results.error());
    return;
  }
  submission->set_results(std::move(*results));
  const std::vector<JobId> jobs = submission->jobs();
  if (!wait || jobs.empty()) {
    submission->responder().post([submission] { submission->answer(); });
    return;
  }
  context.waits.add(jobs, *wait, [&context, submission] {
    submission->responder().post([&context, submission] { submission->answer_whole(context.api); });
  });
}

void submit_tasks(Context& context, Call call) {
  const auto wait = read_wait(call.query);
  auto request = wait ? parse_task_request(call.request.body, context.policy)
                      : Result<TaskRequest>(wait.error());
  if (!request) {
    call.responder.fail(request.error());
    return;
  }
  const auto submission = std::make_shared<Submission>(std::move(*request), call.responder);
  std::vector<api::SubmitRequestItem> items = submission->take_items();
  if (items.empty()) {
    submission->answer();
    return;
  }
  if (*wait) {
    auto place = context.waits.reserve(items.size());
    if (!place) {
      call.responder.fail(place.error());
      return;
    }
    // Who waits keeps nobody from being answered.
    submission->hold(std::move(*place));
  }
  context.api.submit(std::move(items),
                     [&context, submission, wait = *wait](Result<api::SubmitResults> results) {
                       answer_submission(context, submission, wait, std::move(results));
                     });
}

void get_task(Context& context, Call call) {
  const auto wait = read_wait(call.query);
  const auto job = wait ? find_task(context, call) : Result<JobView>(wait.error());
  if (!job) {
    call.responder.fail(job.error());
    return;
  }
  const JobId id = job->record.id;
  if (!*wait || is_final(job->record.state) || !job->spec.execution.script) {
    send_task(context, call.responder, *job);
    return;
  }
  auto place = context.waits.reserve(1);
  if (!place) {
    call.responder.fail(place.error());
    return;
  }
  call.responder.hold(std::move(*place));
  context.waits.add({id}, **wait, [&context, id, responder = call.responder] {
    responder.post([&context, id, responder] {
      const auto view = context.api.get(id);
      if (view) {
        send_task(context, responder, *view);
      } else {
        responder.fail(view.error());
      }
    });
  });
  // It may have ended between the look and the wait.
  if (const auto again = context.api.get(id); again && is_final(again->record.state)) {
    context.waits.ended({id});
  }
}

void cancel_task(Context& context, Call call) {
  auto body = front::check_empty_body(call);
  const auto job = find_task(context, call);
  if (!job || !body) {
    call.responder.fail(!job ? job.error() : body.error());
    return;
  }
  if (is_final(job->record.state) || !job->spec.execution.script) {
    send_task(context, call.responder, *job);
    return;
  }
  context.api.cancel(
      job->record.id, [&context, responder = call.responder](Result<JobView> cancelled) {
        auto kept = std::make_shared<Result<JobView>>(std::move(cancelled));
        responder.post([&context, responder, kept] {
          if (!*kept) {
            responder.fail(kept->error());
            return;
          }
          send_task(context, responder, **kept, (*kept)->record.cancel_requested_at ? 202 : 200);
        });
      });
}

// One page: tasks are looked for among all jobs, so a page also ends after kTaskListScanMax jobs,
// or when its text gets large.
Result<std::string> task_page(api::ControllerApi& api, store::JobQuery query) {
  const std::int64_t limit = query.limit;
  std::string body;
  net::JsonWriter json(body);
  json.begin_object().key("tasks").begin_array();
  std::int64_t tasks = 0;
  std::int64_t looked_at = 0;
  bool more = true;
  query.limit = kJobsPerRead;
  while (more && tasks < limit && looked_at < limits::kTaskListScanMax &&
         static_cast<std::int64_t>(body.size()) < limits::kTaskListBytesMax) {
    HEARTH_ASSIGN(const std::vector<JobView> jobs, api.list(query));
    more = static_cast<std::int64_t>(jobs.size()) == kJobsPerRead;
    for (const JobView& job : jobs) {
      if (tasks == limit) {
        more = true;
        break;
      }
      ++looked_at;
      query.below = job.record.id;
      if (job.spec.execution.script) {
        ++tasks;
        write_task_line(json, job);
      }
    }
  }
  json.end_array();
  front::write_text_or_null(json, "nextCursor", more && query.below ? to_string(*query.below) : "");
  json.end_object();
  return body;
}

void list_tasks(Context& context, Call call) {
  const auto query = read_list(call.query);
  auto body = query ? task_page(context.api, *query) : Result<std::string>(query.error());
  if (!body) {
    call.responder.fail(body.error());
    return;
  }
  call.responder.send(front::json_response(200, std::move(*body)));
}

void list_workers(Context& context, Call call) {
  if (auto names = front::check_names(call.query, {}); !names) {
    call.responder.fail(names.error());
    return;
  }
  std::string body;
  net::JsonWriter json(body);
  json.begin_object().key("workers").begin_array();
  for (const AgentView& agent : context.api.agents()) {
    write_worker(json, agent);
  }
  json.end_array().end_object();
  call.responder.send(front::json_response(200, std::move(body)));
}

struct Route {
  std::string_view method;
  std::string_view path;
  Need need;
  void (*handler)(Context&, Call);
  bool submits = false;
};

constexpr auto kRoutes = std::to_array<Route>({
    {"POST", "/tasks", Need::Submit, submit_tasks, true},
    {"GET", "/tasks", Need::Read, list_tasks},
    {"GET", "/tasks/{id}", Need::Read, get_task},
    {"POST", "/tasks/{id}/cancel", Need::Submit, cancel_task},
    {"GET", "/workers", Need::Read, list_workers},
});

}  // namespace

class TasksService::Impl {
 public:
  Impl(api::ControllerApi& api, const callbacks::CallbackPolicy& policy)
      : api_(api), context_{.api = api, .waits = waits, .policy = policy} {}
  ~Impl() {
    if (watch_) {
      api_.unwatch(*watch_);
    }
  }

  Result<> start(front::Service& service) {
    HEARTH_ASSIGN(watch_,
                  api_.watch({.on_events = [this](const auto& notices) { on_events(notices); },
                              .on_agent = {}}));
    std::vector<front::Route> routes;
    for (const Route& route : kRoutes) {
      routes.push_back({.method = route.method,
                        .path = route.path,
                        .need = route.need,
                        .handler = [this, handler = route.handler](
                                       Call call) { handler(context_, std::move(call)); },
                        .body = route.method == "GET" ? nullptr : &front::kJsonBody,
                        .submits = route.submits});
    }
    service.mount(std::move(routes));
    service.on_tick([this] { waits.tick(); });
    return {};
  }

  TaskWaits waits{limits::kTaskWaitsMax};

 private:
  void on_events(const std::vector<std::shared_ptr<const api::Notice>>& notices) {
    std::vector<JobId> ended;
    for (const auto& notice : notices) {
      if (is_final(notice->event.after.state)) {
        ended.push_back(notice->event.after.id);
      }
    }
    if (!ended.empty()) {
      waits.ended(ended);
    }
  }

  api::ControllerApi& api_;
  Context context_;
  std::optional<std::uint64_t> watch_;
};

TasksService::TasksService(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TasksService::~TasksService() = default;

Result<std::unique_ptr<TasksService>> TasksService::create(
    api::ControllerApi& api, front::Service& service, const callbacks::CallbackPolicy& policy) {
  auto impl = std::make_unique<Impl>(api, policy);
  HEARTH_TRY(impl->start(service));
  return std::unique_ptr<TasksService>(new TasksService(std::move(impl)));
}

void TasksService::stop() {
  impl_->waits.stop();
}

std::int64_t TasksService::waiting() const {
  return impl_->waits.waiting();
}

std::vector<net::RoutePattern> TasksService::routes() {
  std::vector<net::RoutePattern> patterns;
  for (const Route& route : kRoutes) {
    patterns.push_back({route.method, route.path});
  }
  return patterns;
}

std::vector<auth::Need> TasksService::needs() {
  std::vector<auth::Need> needs;
  for (const Route& route : kRoutes) {
    needs.push_back(route.need);
  }
  return needs;
}

}  // namespace hearth::tasks
