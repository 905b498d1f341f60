// Messages of proto/hearth/ as version 0.1 wrote them, with every field set: bytes in hexadecimal
// and what they say. Frozen: a change here would hide that what is stored, or what an older agent
// sends, can no longer be read.
#pragma once

#include <array>
#include <string_view>

namespace hearth::wire::testing {

struct GoldenMessage {
  std::string_view name;
  std::string_view hex;
  std::string_view text;
};

// clang-format off
inline constexpr std::array kGoldenMessages = std::to_array<GoldenMessage>({
    {"Resources",
     R"(08651066186722060a026b341007)",
     R"(cpu_milli: 101 memory_bytes: 102 gpus: 103 named { key: "k4" value: 7 })"},
    {"DependencyProto",
     R"(09e9030000000000001001)",
     R"(job: 1001 condition: 1)"},
    {"JobSpecProto",
     R"(0a02733112070a026b321201761a027333220e08651066186722060a026b3410072a070a026b35120176)"
     R"(3001380d42027338486d506e586f607069000000000000f83f70727a011d820101018a010b09e9030000)"
     R"(000000001001900176980177a00101aa0103623231b201080a02623112026232ba0103623233c2010362)"
     R"(3234c8017dd0017ed8017fe00101e8018101f1010604000000000000fa0103623331800201)",
     R"(name: "s1" labels { key: "k2" value: "v" } queue: "s3" request { cpu_milli: 101 memo)"
     R"(ry_bytes: 102 gpus: 103 named { key: "k4" value: 7 } } requires_labels { key: "k5" v)"
     R"(alue: "v" } sandbox: 1 priority: -7 group: "s8" group_limit: 109 max_retries: 110 ma)"
     R"(x_lost: 111 backoff_initial_ms: 112 backoff_factor: 1.5 backoff_max_ms: 114 retry_ex)"
     R"(it_codes: -15 retry_reasons: 1 after { job: 1001 condition: 1 } not_before_ms: 118 m)"
     R"(ax_queue_ms: 119 on_infeasible: 1 command: "b21" env { name: "b1" value: "b2" } cwd:)"
     R"( "b23" stdin_bytes: "b24" cpu_limit_milli: 125 timeout_ms: 126 grace_ms: 127 on_outp)"
     R"(ut_limit: 1 array_index: 129 retry_of: 1030 idempotency_key: "b31" has_secrets: true)"},
    {"EnvEntry",
     R"(0a02623112026232)",
     R"(name: "b1" value: "b2")"},
    {"SecretsProto",
     R"(0a080a02623112026232)",
     R"(env { name: "b1" value: "b2" })"},
    {"AttemptResultProto",
     R"(080510011a02623320fcffffffffffffffff0128fbffffffffffffffff01306a386b406c486d506e5801)",
     R"(state: 5 reason: 1 message: "b3" exit_code: -4 signal: -5 wall_ms: 106 cpu_ms: 107 m)"
     R"(emory_peak_bytes: 108 stdout_bytes: 109 stderr_bytes: 110 truncated: true)"},
    {"JobRecordProto",
     R"(09e903000000000000100118012202623428fbffffffffffffffff0130faffffffffffffffff01380140)"
     R"(01480150f2075a037331316070687170727873800174880175900176980164a20103623230)",
     R"(id: 1001 state: 1 reason: 1 message: "b4" exit_code: -5 signal: -6 attempt: 1 failur)"
     R"(es: 1 losses: 1 epoch: 1010 agent: "s11" created_at: 112 queued_at: 113 assigned_at:)"
     R"( 114 started_at: 115 completed_at: 116 cancel_requested_at: 117 eligible_at: 118 pro)"
     R"(gress_percent: 50 progress_text: "b20")"},
    {"AttemptProto",
     R"(08011202733218eb0720012869306a386b422a080510011a02623320fcffffffffffffffff0128fbffff)"
     R"(ffffffffffff01306a386b406c486d506e5801)",
     R"(number: 1 agent: "s2" epoch: 1003 state: 1 assigned_at: 105 started_at: 106 ended_at)"
     R"(: 107 result { state: 5 reason: 1 message: "b3" exit_code: -4 signal: -5 wall_ms: 10)"
     R"(6 cpu_ms: 107 memory_peak_bytes: 108 stdout_bytes: 109 stderr_bytes: 110 truncated: )"
     R"(true })"},
    {"AgentRecordProto",
     R"(0a027331120273321a027333220273342a026235320273363a070a026b37120176420e08651066186722)"
     R"(060a026b341007486d50015a01016001680170727873800174880175)",
     R"(id: "s1" type: "s2" instance: "s3" incarnation: "s4" hostname: "b5" version: "s6" la)"
     R"(bels { key: "k7" value: "v" } capacity { cpu_milli: 101 memory_bytes: 102 gpus: 103 )"
     R"(named { key: "k4" value: 7 } } max_parallel_jobs: 109 enforcement: 1 sandboxes: 1 st)"
     R"(atus: 1 draining: true first_seen_at: 114 last_heartbeat_at: 115 done: 116 failed: 1)"
     R"(17)"},
    {"AttemptKey",
     R"(09e903000000000000100118eb07)",
     R"(job: 1001 attempt: 1 epoch: 1003)"},
    {"Hello",
     R"(0801120273321a027333220273342a027335320262363a02733742070a026b381201764a0e0865106618)"
     R"(6722060a026b341007506e58016201016a140a0e09e903000000000000100118eb071001180170f607)",
     R"(protocol: 1 id: "s2" type: "s3" instance: "s4" incarnation: "s5" hostname: "b6" vers)"
     R"(ion: "s7" labels { key: "k8" value: "v" } capacity { cpu_milli: 101 memory_bytes: 10)"
     R"(2 gpus: 103 named { key: "k4" value: 7 } } max_parallel_jobs: 110 enforcement: 1 san)"
     R"(dboxes: 1 held { key { job: 1001 attempt: 1 epoch: 1003 } started: true finished: tr)"
     R"(ue } controller_epoch_seen: 1014)"},
    {"HeldAttempt",
     R"(0a0e09e903000000000000100118eb0710011801)",
     R"(key { job: 1001 attempt: 1 epoch: 1003 } started: true finished: true)"},
    {"Heartbeat",
     R"(09000000000000f83f1066)",
     R"(cpu_percent: 1.5 memory_bytes: 102)"},
    {"Started",
     R"(0a0e09e903000000000000100118eb07)",
     R"(key { job: 1001 attempt: 1 epoch: 1003 })"},
    {"Finished",
     R"(0a0e09e903000000000000100118eb07122a080510011a02623320fcffffffffffffffff0128fbffffff)"
     R"(ffffffffff01306a386b406c486d506e5801)",
     R"(key { job: 1001 attempt: 1 epoch: 1003 } result { state: 5 reason: 1 message: "b3" e)"
     R"(xit_code: -4 signal: -5 wall_ms: 106 cpu_ms: 107 memory_peak_bytes: 108 stdout_bytes)"
     R"(: 109 stderr_bytes: 110 truncated: true })"},
    {"Progress",
     R"(0a0e09e903000000000000100118eb0710feffffffffffffffff011a026233)",
     R"(key { job: 1001 attempt: 1 epoch: 1003 } percent: -2 text: "b3")"},
    {"Draining", "", ""},
    {"AgentMessage",
     R"(0a530801120273321a027333220273342a027335320262363a02733742070a026b381201764a0e086510)"
     R"(66186722060a026b341007506e58016201016a140a0e09e903000000000000100118eb071001180170f6)"
     R"(07)",
     R"(hello { protocol: 1 id: "s2" type: "s3" instance: "s4" incarnation: "s5" hostname: ")"
     R"(b6" version: "s7" labels { key: "k8" value: "v" } capacity { cpu_milli: 101 memory_b)"
     R"(ytes: 102 gpus: 103 named { key: "k4" value: 7 } } max_parallel_jobs: 110 enforcemen)"
     R"(t: 1 sandboxes: 1 held { key { job: 1001 attempt: 1 epoch: 1003 } started: true fini)"
     R"(shed: true } controller_epoch_seen: 1014 })"},
    {"AgentMessage",
     R"(120b09000000000000f83f1066)",
     R"(heartbeat { cpu_percent: 1.5 memory_bytes: 102 })"},
    {"AgentMessage",
     R"(1a100a0e09e903000000000000100118eb07)",
     R"(started { key { job: 1001 attempt: 1 epoch: 1003 } })"},
    {"AgentMessage",
     R"(223c0a0e09e903000000000000100118eb07122a080510011a02623320fcffffffffffffffff0128fbff)"
     R"(ffffffffffffff01306a386b406c486d506e5801)",
     R"(finished { key { job: 1001 attempt: 1 epoch: 1003 } result { state: 5 reason: 1 mess)"
     R"(age: "b3" exit_code: -4 signal: -5 wall_ms: 106 cpu_ms: 107 memory_peak_bytes: 108 s)"
     R"(tdout_bytes: 109 stderr_bytes: 110 truncated: true } })"},
    {"AgentMessage",
     R"(2a1f0a0e09e903000000000000100118eb0710feffffffffffffffff011a026233)",
     R"(progress { key { job: 1001 attempt: 1 epoch: 1003 } percent: -2 text: "b3" })"},
    {"AgentMessage",
     R"(3200)",
     R"(draining { })"},
    {"WelcomeMessage",
     R"(08e907120e09e903000000000000100118eb071a0e09e903000000000000100118eb07206828ed07)",
     R"(controller_epoch: 1001 keep { job: 1001 attempt: 1 epoch: 1003 } stop { job: 1001 at)"
     R"(tempt: 1 epoch: 1003 } heartbeat_interval_ms: 104 link: 1005)"},
    {"Reject",
     R"(0a02733112027332)",
     R"(code: "s1" message: "s2")"},
    {"Assign",
     R"(0a0e09e903000000000000100118eb07120262321a026233)",
     R"(key { job: 1001 attempt: 1 epoch: 1003 } spec: "b2" secrets: "b3")"},
    {"AckReport",
     R"(0a0e09e903000000000000100118eb0710011801)",
     R"(key { job: 1001 attempt: 1 epoch: 1003 } finished: true accepted: true)"},
    {"ControllerMessage",
     R"(08e907122808e907120e09e903000000000000100118eb071a0e09e903000000000000100118eb072068)"
     R"(28ed07)",
     R"(controller_epoch: 1001 welcome { controller_epoch: 1001 keep { job: 1001 attempt: 1 )"
     R"(epoch: 1003 } stop { job: 1001 attempt: 1 epoch: 1003 } heartbeat_interval_ms: 104 l)"
     R"(ink: 1005 })"},
    {"ControllerMessage",
     R"(08e9071a080a02733112027332)",
     R"(controller_epoch: 1001 reject { code: "s1" message: "s2" })"},
    {"ControllerMessage",
     R"(08e90722180a0e09e903000000000000100118eb07120262321a026233)",
     R"(controller_epoch: 1001 assign { key { job: 1001 attempt: 1 epoch: 1003 } spec: "b2" )"
     R"(secrets: "b3" })"},
    {"ControllerMessage",
     R"(08e9072a0e09e903000000000000100118eb07)",
     R"(controller_epoch: 1001 cancel { job: 1001 attempt: 1 epoch: 1003 })"},
    {"ControllerMessage",
     R"(08e907320e09e903000000000000100118eb07)",
     R"(controller_epoch: 1001 stop { job: 1001 attempt: 1 epoch: 1003 })"},
    {"ControllerMessage",
     R"(08e9073a140a0e09e903000000000000100118eb0710011801)",
     R"(controller_epoch: 1001 ack { key { job: 1001 attempt: 1 epoch: 1003 } finished: true)"
     R"( accepted: true })"},
    {"ControllerMessage",
     R"(08e9074200)",
     R"(controller_epoch: 1001 drain { })"},
    {"OutputChunk",
     R"(0a0e09e903000000000000100118eb07100118eb0722026234)",
     R"(key { job: 1001 attempt: 1 epoch: 1003 } stream: 1 offset: 1003 data: "b4")"},
    {"OutputUp",
     R"(0a02733110ea071a190a0e09e903000000000000100118eb07100118eb0722026234)",
     R"(agent: "s1" link: 1002 chunks { key { job: 1001 attempt: 1 epoch: 1003 } stream: 1 o)"
     R"(ffset: 1003 data: "b4" })"},
    {"OutputDown",
     R"(0a150a0e09e903000000000000100118eb07100118eb07)",
     R"(received { key { job: 1001 attempt: 1 epoch: 1003 } stream: 1 offset: 1003 })"},
    {"OutputPosition",
     R"(0a0e09e903000000000000100118eb07100118eb07)",
     R"(key { job: 1001 attempt: 1 epoch: 1003 } stream: 1 offset: 1003)"},
});
// clang-format on

}  // namespace hearth::wire::testing
