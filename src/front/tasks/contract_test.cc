// What openapi/hearth.yaml says of tasks against the code: neither may have what the other lacks.
#include "front/http/testing/contract.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "api/testing/fake_controller_api.h"
#include "base/task_limits.h"
#include "front/tasks/task_json.h"
#include "front/tasks/task_query.h"
#include "front/tasks/task_request.h"
#include "front/tasks/tasks_service.h"

namespace hearth::tasks {
namespace {

namespace json = boost::json;
using front::testing::contract;
using front::testing::Names;
using front::testing::names_of;
using front::testing::properties;
using front::testing::schema;
using front::testing::words;

TEST(TasksContractTest, HasExactlyTheRoutesThatAreServed) {
  front::testing::expect_routes_promised(TasksService::routes(), [](const json::value& operation) {
    return operation.at("tags").at(0).as_string() == "tasks";
  });
  front::testing::expect_needs_told(TasksService::routes(), TasksService::needs());
}

TEST(TasksContractTest, ATaskHasExactlyTheFieldsTheCodecReads) {
  const auto fields = task_fields();
  EXPECT_EQ(Names(fields.begin(), fields.end()), properties(schema("TaskRequest")));
}

TEST(TasksContractTest, DefaultsAndBoundsAreThoseOfTheCode) {
  const json::object& fields = schema("TaskRequest").at("properties").as_object();
  const auto spec = read_task(json::parse(R"({"code":"1"})"), {});
  ASSERT_TRUE(spec);
  const json::object& timeout = fields.at("timeout").as_object();
  EXPECT_EQ(timeout.at("default").to_number<double>() * 1000,
            static_cast<double>(spec->execution.timeout.count()));
  EXPECT_EQ(fields.at("language").at("default").as_string(), spec->execution.script->language);
  const auto takes = [](double seconds) {
    return read_task(json::object{{"code", "1"}, {"timeout", seconds}}, {}).has_value();
  };
  EXPECT_TRUE(takes(timeout.at("minimum").to_number<double>()));
  EXPECT_FALSE(takes(timeout.at("minimum").to_number<double>() / 2));
  EXPECT_TRUE(takes(timeout.at("maximum").to_number<double>()));
  EXPECT_FALSE(takes(timeout.at("maximum").to_number<double>() + 1));
  const auto length = [&fields](const char* name) {
    return fields.at(name).at("maxLength").as_int64();
  };
  EXPECT_EQ(length("code"), limits::kScriptCodeBytesMax);
  EXPECT_EQ(length("prompt"), limits::kPromptBytesMax);
  EXPECT_EQ(length("language"), limits::kLanguageBytesMax);
  EXPECT_EQ(length("stdin"), limits::kStdinBytesMax);
}

TEST(TasksContractTest, WhatIsShownIsWhatIsPromised) {
  JobView job;
  job.spec.execution.script = ScriptSpec{.language = "js", .code = "1", .args = {}};
  api::testing::FakeControllerApi api;
  const json::value task = json::parse(task_json(api, job).value());
  Names always = properties(schema("Task"));
  for (const char* sometimes : {"stdoutBase64", "stderrBase64", "truncated"}) {
    EXPECT_EQ(always.erase(sometimes), 1U);
  }
  EXPECT_EQ(names_of(task.as_object()), always);

  std::string text;
  net::JsonWriter writer(text);
  writer.begin_array();
  write_task_line(writer, job);
  write_worker(writer, AgentView{});
  writer.end_array();
  const json::value shown = json::parse(text);
  EXPECT_EQ(names_of(shown.at(0).as_object()), properties(schema("TaskLine")));
  EXPECT_EQ(words(schema("TaskLine").at("required")), properties(schema("TaskLine")));
  EXPECT_EQ(names_of(shown.at(1).as_object()), properties(schema("TaskWorker")));
  EXPECT_EQ(words(schema("TaskWorker").at("required")), properties(schema("TaskWorker")));
}

TEST(TasksContractTest, ListFiltersAreThoseOfTheCode) {
  Names promised;
  const json::array& parameters =
      contract().at("paths").at("/tasks").at("get").at("parameters").as_array();
  for (const json::value& parameter : parameters) {
    if (const auto* name = parameter.as_object().if_contains("name")) {
      promised.emplace(name->as_string());
      continue;
    }
    const std::string path(parameter.at("$ref").as_string());
    promised.insert(path.substr(path.rfind('/') + 1));
  }
  EXPECT_EQ(promised, Names(kListParameters.begin(), kListParameters.end()));
}

}  // namespace
}  // namespace hearth::tasks
