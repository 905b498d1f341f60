// What the controller's parts count about themselves, as Prometheus' text.
#pragma once

#include "api/metrics.h"
#include "base/metrics_text.h"
#include "front/agentlink/link_counts.h"
#include "front/tasks/task_callbacks.h"
#include "output/output_store.h"
#include "store/store.h"
#include "uploads/upload_store.h"

namespace hearth::apps {

void write_loop_metrics(const api::MetricsSnapshot& metrics, MetricsText& out);
void write_telemetry_metrics(const api::MetricsSnapshot& loop,
                             const front::agentlink::LinkStats& link, MetricsText& out);
void write_store_metrics(const store::StoreStats& stats, const api::PastFigures& past,
                         MetricsText& out);
void write_output_metrics(const output::OutputStats& stats, MetricsText& out);
void write_upload_metrics(const uploads::UploadStats& stats, MetricsText& out);
void write_link_metrics(const front::agentlink::LinkStats& stats, MetricsText& out);
void write_callback_metrics(const tasks::CallbackStats& stats, MetricsText& out);

}  // namespace hearth::apps
