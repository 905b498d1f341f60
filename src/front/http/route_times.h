// How long each route took, by class of status, and which limits turned requests away.
//
// One histogram for each route of the table and each class, all made at the start: counting is two
// relaxed additions on the connection's thread, and no request can make a label of its own.
#pragma once

#include <array>
#include <vector>

#include "base/histogram.h"
#include "base/limit_counts.h"
#include "base/metrics_text.h"
#include "net/http_server.h"
#include "net/router.h"

namespace hearth::front {

// Thread-safe.
class RouteTimes {
 public:
  // Before the first count.
  void set_routes(std::vector<net::RoutePattern> routes);
  void count(const net::Answered& answer);
  // Only those that were asked for.
  void write(MetricsText& metrics) const;

 private:
  static constexpr std::array<std::string_view, 5> kClasses = {"1xx", "2xx", "3xx", "4xx", "5xx"};

  std::vector<net::RoutePattern> routes_;
  // The last: of no route.
  std::vector<std::array<Histogram, kClasses.size()>> times_ =
      std::vector<std::array<Histogram, kClasses.size()>>(1);
  LimitCounts refused_;
};

}  // namespace hearth::front
