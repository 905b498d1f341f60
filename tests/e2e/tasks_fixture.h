// Clients of code tasks, as the examples of docs/code-tasks.md are: a body in, a task out.
#pragma once

#include <map>
#include <string>

#include "tests/harness/cluster.h"

namespace hearth::e2e {

// A task's body: {"code": code} and what else it says.
inline boost::json::object script(const std::string& code, boost::json::object more = {}) {
  more["code"] = code;
  return more;
}

class TasksFixture : public harness::ClusterTest {
 protected:
  static bool has_ended(const boost::json::object& task) {
    const std::string status = harness::text(task, "status");
    return status == "COMPLETED" || status == "FAILED" || status == "TIMED_OUT" ||
           status == "CANCELLED";
  }
  static boost::json::object object_of(const harness::Answer& answer) {
    return answer.body.is_object() ? answer.body.as_object() : boost::json::object();
  }

  // Expects 201, and gives the id.
  std::string post_task(const boost::json::object& body) {
    const harness::Answer answer = post("/tasks", boost::json::serialize(body));
    EXPECT_EQ(answer.status, 201) << answer.raw;
    return harness::text(object_of(answer), "id");
  }
  boost::json::object task(const std::string& id) {
    const harness::Answer answer = get("/tasks/" + id);
    EXPECT_EQ(answer.status, 200) << answer.raw;
    return object_of(answer);
  }
  // Waits with the server, and fails the test when `patience` passes before.
  boost::json::object wait_task(const std::string& id,
                                Duration patience = std::chrono::seconds(60)) {
    boost::json::object found;
    wait_until(
        [&] {
          const harness::Answer answer = get("/tasks/" + id + "?wait=10");
          found = object_of(answer);
          return answer.status == 200 && has_ended(found);
        },
        "the end of task " + id, patience);
    return found;
  }
  boost::json::object run_task(const boost::json::object& body) {
    return wait_task(post_task(body));
  }
  // Until its output so far begins with `expected`.
  void wait_printed(const std::string& id, const std::string& expected) {
    wait_until([&] { return harness::text(task(id), "stdout").starts_with(expected); },
               "task " + id + " to print " + expected);
  }

  // What GET /workers says, by id.
  std::map<std::string, boost::json::object> workers() {
    std::map<std::string, boost::json::object> found;
    const harness::Answer answer = get("/workers");
    EXPECT_EQ(answer.status, 200) << answer.raw;
    const boost::json::object listed = object_of(answer);
    for (const auto& worker : listed.at("workers").as_array()) {
      found[harness::text(worker.as_object(), "id")] = worker.as_object();
    }
    return found;
  }
  std::string worker_status(const std::string& id) {
    const auto found = workers();
    return found.contains(id) ? harness::text(found.at(id), "status") : "";
  }
};

}  // namespace hearth::e2e
