// What the controller's loop counts about itself, as Prometheus text.
#pragma once

#include <string>

#include "api/metrics.h"

namespace hearth::apps {

void append_loop_metrics(const api::MetricsSnapshot& metrics, std::string& text);

}  // namespace hearth::apps
