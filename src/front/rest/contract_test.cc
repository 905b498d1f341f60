// openapi/hearth.yaml against the code: neither may have what the other lacks.
#include "front/http/testing/contract.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/door_limits.h"
#include "front/rest/job_json.h"
#include "front/rest/job_query.h"
#include "front/rest/job_request.h"
#include "front/rest/rest_service.h"
#include "front/rest/token_json.h"
#include "front/rest/worker_json.h"
#include "net/problem.h"

namespace hearth::rest {
namespace {

namespace json = boost::json;
using front::testing::contract;
using front::testing::expect_needs_told;
using front::testing::expect_routes_promised;
using front::testing::Names;
using front::testing::names_of;
using front::testing::properties;
using front::testing::schema;
using front::testing::words;

// Those of the code tasks are held to their own front door.
bool is_here(const json::value& operation) {
  return operation.at("tags").at(0).as_string() != "tasks";
}

TEST(ContractTest, HasExactlyTheRoutesThatAreServed) {
  expect_routes_promised(RestService::routes(), is_here);
}

TEST(ContractTest, EveryOperationHasAnIdAndAProblemAnswer) {
  Names ids;
  for (const auto& path : contract().at("paths").as_object()) {
    for (const auto& operation : path.value().as_object()) {
      if (operation.key() == "parameters") {
        continue;
      }
      EXPECT_TRUE(ids.emplace(operation.value().at("operationId").as_string()).second);
      EXPECT_TRUE(operation.value().at("responses").as_object().contains("default")) << path.key();
    }
  }
}

TEST(ContractTest, TellsWhatEachRouteNeeds) {
  expect_needs_told(RestService::routes(), RestService::needs());
}

TEST(ContractTest, WhatIsShownOfATokenIsWhatIsPromised) {
  std::string text;
  net::JsonWriter writer(text);
  writer.begin_object();
  write_token(writer, {.uses_max = 1}, TimePoint{});
  writer.end_object();
  EXPECT_EQ(names_of(json::parse(text).as_object()), properties(schema("Token")));
  EXPECT_EQ(properties(schema("Token")), words(schema("Token").at("required")));
  Names scopes;
  for (int i = 0; i < auth::kScopeCount; ++i) {
    scopes.emplace(to_string(static_cast<auth::Scope>(i)));
  }
  EXPECT_EQ(scopes, words(schema("Scope").at("enum")));
  for (const auto& field : schema("NewToken").at("properties").as_object()) {
    const auto parsed = parse_new_token("{\"" + std::string(field.key()) + "\":[{}]}", {});
    ASSERT_FALSE(parsed);
    EXPECT_NE(parsed.error().kind, "unknown_field") << field.key();
  }
  const json::object& bounds = schema("NewToken").at("properties").as_object();
  EXPECT_EQ(bounds.at("uses").at("maximum").as_int64(), limits::kJoinUsesMax);
  EXPECT_EQ(bounds.at("expiresInMs").at("maximum").as_int64(), limits::kTokenForMax.count());
  EXPECT_EQ(bounds.at("name").at("maxLength").as_int64(), limits::kNameBytesMax);
}

TEST(ContractTest, AJobHasExactlyTheFieldsTheCodecReads) {
  Names read;
  for (const std::string_view field : job_request_fields()) {
    read.emplace(field);
  }
  EXPECT_EQ(read, properties(schema("JobRequest")));
}

TEST(ContractTest, DefaultsAreThoseOfTheCode) {
  const auto request = parse_job_request(R"({"command":["true"]})", RequestKind::Single);
  ASSERT_TRUE(request);
  const json::value job =
      json::parse(job_json({.record = {}, .spec = request->spec, .attempts = {}}));
  int compared = 0;
  const auto compare = [&compared](const json::object& fields, const json::object& shown) {
    for (const auto& field : fields) {
      const auto* expected = field.value().as_object().if_contains("default");
      if (expected == nullptr) {
        continue;
      }
      ++compared;
      const json::value& found = shown.at(field.key());
      if (expected->is_number()) {
        EXPECT_EQ(expected->to_number<double>(), found.to_number<double>()) << field.key();
      } else {
        EXPECT_EQ(*expected, found) << field.key();
      }
    }
  };
  compare(schema("JobRequest").at("properties").as_object(), job.as_object());
  compare(schema("Backoff").at("properties").as_object(), job.at("backoff").as_object());
  EXPECT_EQ(compared, 15);
  EXPECT_EQ(job.at("cpuLimit").to_number<double>(), 2.0);
}

// The bounds in the contract are met by the codec at both ends, and one step outside is refused.
TEST(ContractTest, BoundsOfNumbersAreThoseOfTheCode) {
  int compared = 0;
  for (const auto& field : schema("JobRequest").at("properties").as_object()) {
    const json::object& rules = field.value().as_object();
    if (!rules.contains("minimum")) {
      continue;
    }
    const bool whole = rules.at("type").as_string() == "integer";
    const auto try_value = [&](double value) {
      json::object body{{"command", json::array{"true"}}, {"group", "g"}};
      body[field.key()] =
          whole ? json::value(static_cast<std::int64_t>(value)) : json::value(value);
      return parse_job_request(json::serialize(body), RequestKind::Single).has_value();
    };
    const double min = rules.at("minimum").to_number<double>();
    const double max = rules.at("maximum").to_number<double>();
    const double step = whole ? 1 : 0.0009;
    EXPECT_TRUE(try_value(min)) << field.key();
    EXPECT_FALSE(try_value(min - step)) << field.key();
    EXPECT_TRUE(try_value(max)) << field.key();
    EXPECT_FALSE(try_value(max + 1)) << field.key();
    ++compared;
  }
  EXPECT_EQ(compared, 11);
}

TEST(ContractTest, WhatIsShownOfAJobIsWhatIsPromised) {
  JobView view;
  view.attempts.emplace_back();
  const json::value job = json::parse(job_json(view));
  EXPECT_EQ(names_of(job.as_object()), properties(schema("Job")));
  EXPECT_EQ(names_of(job.at("attempts").at(0).as_object()), properties(schema("Attempt")));
  EXPECT_EQ(properties(schema("Attempt")), words(schema("Attempt").at("required")));
}

TEST(ContractTest, WhatIsShownOfTheFleetIsWhatIsPromised) {
  const auto shown = [](const auto& write) {
    std::string text;
    net::JsonWriter writer(text);
    write(writer);
    return json::parse(text).as_object();
  };
  EXPECT_EQ(names_of(shown([](auto& json) { write_agent(json, AgentView{}); })),
            properties(schema("Agent")));
  EXPECT_EQ(names_of(shown([](auto& json) { write_worker(json, {}); })),
            properties(schema("Worker")));
  EXPECT_EQ(names_of(shown([](auto& json) { write_machine(json, {}); })),
            properties(schema("Machine")));
  EXPECT_EQ(names_of(shown([](auto& json) { write_figures(json, {}, {}, TimePoint{}); })),
            properties(schema("Figures")));
  EXPECT_EQ(names_of(shown([](auto& json) { write_series(json, {}, {}, {}, TimePoint{}); })),
            properties(schema("Series")));
  EXPECT_EQ(names_of(shown([](auto& json) { write_job_event(json, JobEvent{}); })),
            properties(schema("JobChange")));
  EXPECT_EQ(names_of(shown([](auto& json) { write_explanation(json, core::Explanation{}); })),
            properties(schema("Explanation")));
}

TEST(ContractTest, StatesReasonsAndCodesAreThoseOfTheCode) {
  Names states;
  for (int i = 0; i < kJobStateCount; ++i) {
    states.emplace(to_string(static_cast<JobState>(i)));
  }
  EXPECT_EQ(states, words(schema("JobState").at("enum")));
  Names reasons;
  for (int i = 1; i < kReasonCount; ++i) {
    reasons.emplace(to_string(static_cast<Reason>(i)));
  }
  EXPECT_EQ(reasons, words(schema("Reason").at("enum")));
  Names codes;
  for (const net::ProblemKind& kind : net::problem_kinds()) {
    codes.emplace(kind.code);
  }
  EXPECT_EQ(codes, words(schema("Problem").at("properties").at("code").at("enum")));
}

TEST(ContractTest, ListFiltersAreThoseOfTheCode) {
  Names promised;
  const json::array& parameters =
      contract().at("paths").at("/v1/jobs").at("get").at("parameters").as_array();
  for (const json::value& parameter : parameters) {
    const std::string path(parameter.at("$ref").as_string());
    promised.insert(path.substr(path.rfind('/') + 1));
  }
  EXPECT_EQ(promised, Names(kJobFilters.begin(), kJobFilters.end()));
}

TEST(ContractTest, EveryReferenceLeadsSomewhere) {
  const std::function<void(const json::value&)> walk = [&walk](const json::value& value) {
    if (const auto* array = value.if_array()) {
      std::for_each(array->begin(), array->end(), walk);
    } else if (const auto* object = value.if_object()) {
      for (const auto& member : *object) {
        if (member.key() == "$ref") {
          const std::string pointer = std::string(member.value().as_string()).substr(1);
          boost::system::error_code ec;
          EXPECT_NE(contract().find_pointer(pointer, ec), nullptr) << pointer;
        }
        walk(member.value());
      }
    }
  };
  walk(contract());
}

}  // namespace
}  // namespace hearth::rest
