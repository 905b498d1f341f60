// Figures in the text format that Prometheus reads (0.0.4): one family after the other, each with
// its help, its type and its values.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/histogram.h"

namespace hearth {

class MetricsText {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  // Appends to `out`, which outlives it.
  explicit MetricsText(std::string& out) : out_(out) {}

  // A family of one value.
  void counter(std::string_view name, std::string_view help, std::integral auto number) {
    family(name, "counter", help);
    value({}, number);
  }
  void gauge(std::string_view name, std::string_view help, std::integral auto number) {
    family(name, "gauge", help);
    value({}, number);
  }
  void histogram(std::string_view name, std::string_view help, const HistogramSnapshot& times) {
    family(name, "histogram", help);
    value({}, times);
  }

  // One value for each limit that turned somebody away; none yet: the family without values.
  void refusals(std::string_view name, std::string_view help,
                const std::map<std::string, std::uint64_t>& by_limit) {
    family(name, "counter", help);
    for (const auto& [limit, times] : by_limit) {
      value({{"limit", limit}}, times);
    }
  }

  // A family whose values follow, each with its labels.
  void family(std::string_view name, std::string_view type, std::string_view help);
  void value(Labels labels, std::integral auto number) {
    line("", labels, {}, std::to_string(number));
  }
  void value(Labels labels, double number);
  void value(Labels labels, const HistogramSnapshot& times);

 private:
  // `bound`: the "le" of a histogram's bucket, else empty.
  void line(std::string_view suffix, Labels labels, std::string_view bound,
            std::string_view number);
  void label(bool& first, std::string_view name, std::string_view text);

  std::string& out_;
  std::string name_;
};

}  // namespace hearth
