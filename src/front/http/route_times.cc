#include "front/http/route_times.h"

#include <algorithm>
#include <utility>

namespace hearth::front {

void RouteTimes::set_routes(std::vector<net::RoutePattern> routes) {
  routes_ = std::move(routes);
  times_ = decltype(times_)(routes_.size() + 1);
}

void RouteTimes::count(const net::Answered& answer) {
  refused_.count(answer.limit);
  if (answer.ns < 0) {
    return;
  }
  const std::size_t route = std::min(answer.route, routes_.size());
  const auto status_class = static_cast<std::size_t>(std::clamp(answer.status / 100, 1, 5) - 1);
  times_.at(route).at(status_class).observe_ns(answer.ns);
}

void RouteTimes::write(MetricsText& metrics) const {
  metrics.family("hearth_http_request_seconds", "histogram",
                 "From the head of a request to its answer, or to the start of a stream.");
  for (std::size_t route = 0; route < times_.size(); ++route) {
    for (std::size_t i = 0; i < kClasses.size(); ++i) {
      const HistogramSnapshot times = times_.at(route).at(i).snapshot();
      if (times.count > 0) {
        const bool is_known = route < routes_.size();
        metrics.value({{"method", is_known ? routes_[route].method : "any"},
                       {"route", is_known ? routes_[route].path : "none"},
                       {"class", kClasses.at(i)}},
                      times);
      }
    }
  }
  metrics.refusals("hearth_http_refused_total", "Requests refused by that limit.",
                   refused_.snapshot());
}

}  // namespace hearth::front
