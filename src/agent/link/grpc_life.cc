#include "agent/link/grpc_life.h"

#include <grpc/grpc.h>

namespace hearth::agent {

void keep_grpc_running() {
  grpc_init();  // counted, and never taken back
}

}  // namespace hearth::agent
