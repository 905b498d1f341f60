// How long gRPC's own threads live.
#pragma once

namespace hearth::agent {

// From here on until the process ends: letting gRPC 1.51 shut down waits for ever for a timer
// thread that it once could not start, for want of processes. May be called again. The process has
// to end without running the destructors of statics, which gRPC's threads may still be using.
void keep_grpc_running();

}  // namespace hearth::agent
