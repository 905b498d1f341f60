#include "base/metrics_text.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(MetricsTextTest, AFamilyHasItsHelpItsTypeAndItsValues) {
  std::string text;
  MetricsText metrics(text);
  metrics.counter("a_total", "Things.", 7U);
  metrics.family("b", "gauge", "By kind.");
  metrics.value({{"kind", "x"}, {"of", "y"}}, -1);
  EXPECT_EQ(text,
            "# HELP a_total Things.\n# TYPE a_total counter\na_total 7\n"
            "# HELP b By kind.\n# TYPE b gauge\nb{kind=\"x\",of=\"y\"} -1\n");
}

TEST(MetricsTextTest, LabelsEscapeWhatWouldEndThem) {
  std::string text;
  MetricsText metrics(text);
  metrics.family("a", "gauge", "A.");
  metrics.value({{"k", "q\" b\\ l\n."}}, 1);
  EXPECT_NE(text.find("a{k=\"q\\\" b\\\\ l\\n.\"} 1\n"), std::string::npos) << text;
}

TEST(MetricsTextTest, AFractionIsWrittenShortestWithoutAnExponent) {
  std::string text;
  MetricsText metrics(text);
  metrics.family("a", "gauge", "A.");
  metrics.value({{"k", "v"}}, 0.1);
  metrics.value({}, 1.5e-7);
  EXPECT_NE(text.find("a{k=\"v\"} 0.1\na 0.00000015\n"), std::string::npos) << text;
}

TEST(MetricsTextTest, AHistogramCountsUpFromBucketToBucket) {
  Histogram times;
  times.observe_ns(50'000);             // below the first bound
  times.observe_ns(2'000'000);          // 2 ms
  times.observe_ns(4'000'000'000'000);  // above the last
  std::string text;
  MetricsText metrics(text);
  metrics.family("t_seconds", "histogram", "T.");
  metrics.value({{"route", "/x"}}, times.snapshot());
  for (const char* line : {
           "t_seconds_bucket{route=\"/x\",le=\"0.0001\"} 1\n",
           "t_seconds_bucket{route=\"/x\",le=\"0.001\"} 1\n",
           "t_seconds_bucket{route=\"/x\",le=\"0.0025\"} 2\n",
           "t_seconds_bucket{route=\"/x\",le=\"3600\"} 2\n",
           "t_seconds_bucket{route=\"/x\",le=\"+Inf\"} 3\n",
           "t_seconds_sum{route=\"/x\"} 4000.00205\n",
           "t_seconds_count{route=\"/x\"} 3\n",
       }) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

}  // namespace
}  // namespace hearth
