#include "base/rfc3339.h"

#include <array>

namespace hearth {

namespace {

using std::chrono::sys_days;
using std::chrono::year;
constexpr TimePoint kFirst = sys_days(year(1970) / 1 / 1);
constexpr TimePoint kBehindLast = sys_days(year(10'000) / 1 / 1);

void put_digits(char* out, unsigned value, int count) {
  for (int i = count - 1; i >= 0; --i) {
    out[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

// Reads fixed-width fields from the front; a failure sticks.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  int digits(std::size_t count) {
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const char c = take();
      ok_ = ok_ && c >= '0' && c <= '9';
      value = value * 10 + (c - '0');
    }
    return ok_ ? value : 0;
  }
  void expect(char lower, char upper) {
    const char c = take();
    ok_ = ok_ && (c == lower || c == upper);
  }
  // ".123…" as milliseconds, nothing as 0.
  int fraction_ms() {
    if (text_.empty() || text_.front() != '.') {
      return 0;
    }
    take();
    int value = 0;
    int count = 0;
    for (; !text_.empty() && text_.front() >= '0' && text_.front() <= '9'; ++count) {
      const int digit = take() - '0';
      value = count < 3 ? value * 10 + digit : value;
    }
    ok_ = ok_ && count > 0;
    for (; count < 3; ++count) {
      value *= 10;
    }
    return value;
  }
  char take() {
    if (text_.empty()) {
      ok_ = false;
      return '\0';
    }
    const char c = text_.front();
    text_.remove_prefix(1);
    return c;
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return text_.empty(); }

 private:
  std::string_view text_;
  bool ok_ = true;
};

}  // namespace

std::string to_rfc3339(TimePoint time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::string text = "0000-00-00T00:00:00.000Z";
  put_digits(text.data(), static_cast<unsigned>(static_cast<int>(date.year())), 4);
  put_digits(text.data() + 5, static_cast<unsigned>(date.month()), 2);
  put_digits(text.data() + 8, static_cast<unsigned>(date.day()), 2);
  put_digits(text.data() + 11, static_cast<unsigned>(clock.hours().count()), 2);
  put_digits(text.data() + 14, static_cast<unsigned>(clock.minutes().count()), 2);
  put_digits(text.data() + 17, static_cast<unsigned>(clock.seconds().count()), 2);
  put_digits(text.data() + 20, static_cast<unsigned>(clock.subseconds().count()), 3);
  return text;
}

std::optional<TimePoint> parse_rfc3339(std::string_view text) {
  Scanner scan(text);
  const int years = scan.digits(4);
  scan.expect('-', '-');
  const int month = scan.digits(2);
  scan.expect('-', '-');
  const int day = scan.digits(2);
  scan.expect('t', 'T');
  const int hour = scan.digits(2);
  scan.expect(':', ':');
  const int minute = scan.digits(2);
  scan.expect(':', ':');
  const int second = scan.digits(2);
  const int ms = scan.fraction_ms();
  std::chrono::minutes offset{0};
  const char zone = scan.take();
  if (zone == '+' || zone == '-') {
    const int hours = scan.digits(2);
    scan.expect(':', ':');
    const int minutes = scan.digits(2);
    offset = std::chrono::minutes((hours * 60 + minutes) * (zone == '+' ? 1 : -1));
    if (hours > 23 || minutes > 59) {
      return std::nullopt;
    }
  } else if (zone != 'Z' && zone != 'z') {
    return std::nullopt;
  }
  const std::chrono::year_month_day date(year(years),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day)));
  if (!scan.ok() || !scan.at_end() || !date.ok() || hour > 23 || minute > 59 || second > 60) {
    return std::nullopt;
  }
  const TimePoint time = TimePoint(sys_days(date)) + std::chrono::hours(hour) +
                         std::chrono::minutes(minute) + std::chrono::seconds(second) +
                         Duration(ms) - offset;
  // An offset or a leap second can lead out of the years that can be written again.
  return time >= kFirst && time < kBehindLast ? std::optional(time) : std::nullopt;
}

}  // namespace hearth
