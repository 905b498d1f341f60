#include "front/tasks/submission.h"

#include <string>
#include <utility>

#include "front/http/answers.h"
#include "front/tasks/task_json.h"
#include "front/tasks/task_words.h"
#include "net/json_writer.h"
#include "net/problem.h"

namespace hearth::tasks {

Submission::Submission(TaskRequest request, net::Responder responder)
    : is_batch_(request.is_batch), responder_(std::move(responder)) {
  for (Result<JobSpec>& task : request.tasks) {
    if (task) {
      entries_.push_back({.error = {}, .spec = std::move(*task), .outcome = {}});
    } else {
      entries_.push_back({.error = std::move(task).error(), .spec = {}, .outcome = {}});
    }
  }
}

std::vector<api::SubmitRequestItem> Submission::take_items() {
  std::vector<api::SubmitRequestItem> items;
  for (Entry& entry : entries_) {
    if (!entry.error) {
      items.push_back({.spec = std::move(entry.spec), .after_refs = {}});
    }
  }
  return items;
}

void Submission::set_results(api::SubmitResults results) {
  auto result = results.begin();
  for (Entry& entry : entries_) {
    if (entry.error || result == results.end()) {
      continue;
    }
    if (*result) {
      entry.outcome = **result;
    } else {
      entry.error = in_words_of_tasks(std::move(*result).error());
    }
    ++result;
  }
}

std::vector<JobId> Submission::jobs() const {
  std::vector<JobId> jobs;
  for (const Entry& entry : entries_) {
    if (!entry.error) {
      jobs.push_back(entry.outcome.id);
    }
  }
  return jobs;
}

template <class Write>
void Submission::answer_with(const Write& write) const {
  if (!is_batch_) {
    const Entry& only = entries_.front();
    const Result<std::string> text =
        only.error ? Result<std::string>(*only.error) : write(only.outcome);
    if (!text) {
      responder_.fail(text.error());
      return;
    }
    net::Response response = front::json_response(201, *text);
    response.headers.emplace_back("Location", "/tasks/" + to_string(only.outcome.id));
    responder_.send(std::move(response));
    return;
  }
  std::string body;
  net::JsonWriter json(body);
  json.begin_array();
  for (const Entry& entry : entries_) {
    const Result<std::string> text =
        entry.error ? Result<std::string>(*entry.error) : write(entry.outcome);
    if (text) {
      json.raw(*text);
    } else {
      json.begin_object().key("error").raw(net::problem_json(text.error())).end_object();
    }
  }
  json.end_array();
  responder_.send(front::json_response(200, std::move(body)));
}

void Submission::fail(Error error) const {
  responder_.fail(in_words_of_tasks(std::move(error)));
}

void Submission::answer() const {
  answer_with([](const core::SubmitOutcome& outcome) {
    std::string text;
    net::JsonWriter(text)
        .begin_object()
        .member("id", to_string(outcome.id))
        .member("status", to_string(outcome.state))
        .end_object();
    return Result<std::string>(std::move(text));
  });
}

void Submission::answer_whole(api::ControllerApi& api) const {
  answer_with([&api](const core::SubmitOutcome& outcome) -> Result<std::string> {
    HEARTH_ASSIGN(const JobView job, api.get(outcome.id));
    return task_json(api, job);
  });
}

}  // namespace hearth::tasks
