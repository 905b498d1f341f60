// Code tasks: POST /tasks, GET /tasks/{id}, GET /workers, as simple clients of code-running
// services know them. A task is a job that runs a script, whoever submitted it; an answer to a task
// is that job in fewer words, with its output.
//
// Mounted on a front::Service; holds no state but who waits (TaskWaits). Nobody's thread waits:
// a wait is a callback that the end of its task calls.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "api/controller_api.h"
#include "callbacks/callback_policy.h"
#include "front/http/service.h"

namespace hearth::tasks {

class TasksService {
 public:
  // Puts its routes on `service`. What it is given must outlive it, it the server. `policy` says
  // whom tasks may call back.
  static Result<std::unique_ptr<TasksService>> create(api::ControllerApi& api,
                                                      front::Service& service,
                                                      const callbacks::CallbackPolicy& policy);
  ~TasksService();
  TasksService(const TasksService&) = delete;
  TasksService& operator=(const TasksService&) = delete;

  // Answers all who wait with what there is; to be called before the server stops.
  void stop();
  // Requests that wait.
  [[nodiscard]] std::int64_t waiting() const;

  // The route table, for the tests that hold the contract against it, and what each needs.
  static std::vector<net::RoutePattern> routes();
  static std::vector<auth::Need> needs();

 private:
  class Impl;
  explicit TasksService(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::tasks
