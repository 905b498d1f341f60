// openapi/hearth.yaml for the tests that hold the front doors to it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/parse.hpp>

#include "auth/token_table.h"
#include "front/http/openapi_json.h"
#include "net/router.h"

namespace hearth::front::testing {

namespace json = boost::json;
using Names = std::set<std::string>;

inline const json::value& contract() {
  static const json::value parsed = [] {
    const std::string_view text = openapi_json();
    return json::parse({text.data(), text.size()});
  }();
  return parsed;
}

inline const json::object& schema(std::string_view name) {
  return contract().at("components").at("schemas").at({name.data(), name.size()}).as_object();
}

inline Names names_of(const json::object& object) {
  Names names;
  for (const auto& member : object) {
    names.emplace(member.key());
  }
  return names;
}

// Property names of a schema, through allOf.
inline Names properties(const json::object& object) {
  Names names;
  if (const auto* own = object.if_contains("properties")) {
    names = names_of(own->as_object());
  }
  if (const auto* parts = object.if_contains("allOf")) {
    for (const json::value& part : parts->as_array()) {
      Names more;
      if (const auto* reference = part.as_object().if_contains("$ref")) {
        const std::string path(reference->as_string());
        more = properties(schema(path.substr(path.rfind('/') + 1)));
      } else {
        more = properties(part.as_object());
      }
      names.insert(more.begin(), more.end());
    }
  }
  return names;
}

inline Names words(const json::value& list) {
  Names names;
  for (const json::value& word : list.as_array()) {
    names.emplace(word.as_string());
  }
  return names;
}

// Of the operations that are `here`, each is served, and nothing else is.
inline void expect_routes_promised(const std::vector<net::RoutePattern>& routes,
                                   const std::function<bool(const json::value&)>& is_here) {
  Names served;
  for (const net::RoutePattern& route : routes) {
    served.insert(std::string(route.method) + " " + std::string(route.path));
  }
  Names promised;
  for (const auto& path : contract().at("paths").as_object()) {
    for (const auto& operation : path.value().as_object()) {
      std::string method(operation.key());
      if (method != "parameters" && is_here(operation.value())) {
        std::transform(method.begin(), method.end(), method.begin(), ::toupper);
        promised.insert(method + " " + std::string(path.key()));
      }
    }
  }
  EXPECT_EQ(served, promised);
}

inline void expect_needs_told(const std::vector<net::RoutePattern>& routes,
                              const std::vector<auth::Need>& needs) {
  ASSERT_EQ(routes.size(), needs.size());
  for (std::size_t i = 0; i < routes.size(); ++i) {
    std::string method(routes.at(i).method);
    std::transform(method.begin(), method.end(), method.begin(), ::tolower);
    const std::string path(routes.at(i).path);
    const json::array& security =
        contract().at("paths").at(path).at(method).at("security").as_array();
    if (needs.at(i) == auth::Need::Nothing) {
      EXPECT_TRUE(security.empty()) << path;
      continue;
    }
    ASSERT_EQ(security.size(), 2U) << path;
    for (const json::value& way : security) {
      const auto& scheme = *way.as_object().begin();
      EXPECT_EQ("scope " + std::string(scheme.value().at(0).as_string()), to_string(needs.at(i)))
          << method << " " << path;
      EXPECT_TRUE(
          contract().at("components").at("securitySchemes").as_object().contains(scheme.key()));
    }
  }
}

}  // namespace hearth::front::testing
