#include "model/job.h"

#include <string_view>

namespace hearth {

std::string_view to_string(JobEventKind kind) {
  switch (kind) {
    case JobEventKind::Submitted:
      return "submitted";
    case JobEventKind::Queued:
      return "queued";
    case JobEventKind::Assigned:
      return "assigned";
    case JobEventKind::Started:
      return "started";
    case JobEventKind::Requeued:
      return "requeued";
    case JobEventKind::CancelRequested:
      return "cancel_requested";
    case JobEventKind::Progress:
      return "progress";
    case JobEventKind::Ended:
      return "ended";
  }
  return "unknown";
}

}  // namespace hearth
