#include "base/metrics_text.h"

#include <array>
#include <charconv>

namespace hearth {
namespace {

std::string shortest(double number) {
  std::array<char, 384> text{};
  const auto done =
      std::to_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  return {text.data(), done.ptr};
}

}  // namespace

void MetricsText::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  out_.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ");
  out_.append(name).append(" ").append(type).append("\n");
}

void MetricsText::value(Labels labels, double number) {
  line("", labels, {}, shortest(number));
}

void MetricsText::value(Labels labels, const HistogramSnapshot& times) {
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < kHistogramSeconds.size(); ++i) {
    below += times.buckets.at(i);
    line("_bucket", labels, shortest(kHistogramSeconds.at(i)), std::to_string(below));
  }
  line("_bucket", labels, "+Inf", std::to_string(times.count));
  line("_sum", labels, {}, shortest(times.sum_seconds));
  line("_count", labels, {}, std::to_string(times.count));
}

void MetricsText::line(std::string_view suffix, Labels labels, std::string_view bound,
                       std::string_view number) {
  out_.append(name_).append(suffix);
  bool first = true;
  for (const auto& [name, text] : labels) {
    label(first, name, text);
  }
  if (!bound.empty()) {
    label(first, "le", bound);
  }
  out_.append(first ? " " : "} ").append(number).append("\n");
}

// Values of labels escape backslash, quote and line end.
void MetricsText::label(bool& first, std::string_view name, std::string_view text) {
  out_.append(std::exchange(first, false) ? "{" : ",").append(name).append("=\"");
  for (const char c : text) {
    if (c == '\n') {
      out_ += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') {
      out_ += '\\';
    }
    out_ += c;
  }
  out_ += '"';
}

}  // namespace hearth
