// Every bound of Hearth has its name and default here (spec §4 "Limits a client can meet"). A limit
// that a client passes is answered with its name and value.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace hearth::limits {

inline constexpr std::int64_t kKiB = 1024;
inline constexpr std::int64_t kMiB = 1024 * kKiB;
inline constexpr std::int64_t kGiB = 1024 * kMiB;

// Requests.
inline constexpr std::int64_t kRequestBodyBytesMax = 1 * kMiB;
inline constexpr std::int64_t kBatchBodyBytesMax = 64 * kMiB;
inline constexpr std::int64_t kBatchItemsMax = 10'000;
inline constexpr std::int64_t kBatchItemBytesMax = 4 * kMiB;
inline constexpr std::int64_t kBatchEdgesMax = 100'000;
inline constexpr std::int64_t kJsonDepthMax = 32;
inline constexpr std::int64_t kHeaderBytesMax = 16 * kKiB;
inline constexpr std::int64_t kConnectionsMax = 16'000;
// From one address (IPv6: one /64), loopback excepted, so that one client cannot take them all.
inline constexpr std::int64_t kConnectionsPerAddressMax = 1'000;
// TLS handshakes under way; past it the one that has taken longest is cut off for the newest.
inline constexpr std::int64_t kTlsHandshakesMax = 1'024;
// Connections over a bound that are being told so; past it they are just closed.
inline constexpr std::int64_t kRefusalsMax = 256;
// Of the descriptors that a process may have, kept back from HTTP clients: for agents, files and
// the database.
inline constexpr std::int64_t kDescriptorsKept = 128;
inline constexpr std::int64_t kCertificateFileBytesMax = 1 * kMiB;
inline constexpr std::int64_t kSettingsFileBytesMax = 1 * kMiB;

// How long an HTTP client may take, counted in seconds.
inline constexpr std::uint64_t kTlsHandshakeSeconds = 10;  // from connecting to the last message
inline constexpr std::uint64_t kHttpIdleSeconds = 75;      // between requests
inline constexpr std::uint64_t kHttpHeadSeconds = 10;      // from a head's first byte to its last
// For a body, and one more for every kHttpBytesPerSecondMin of it.
inline constexpr std::uint64_t kHttpBodySeconds = 30;
// To take what is ready to be sent, and one more for every kHttpBytesPerSecondMin of it.
inline constexpr std::uint64_t kHttpWriteSeconds = 60;
inline constexpr std::int64_t kHttpBytesPerSecondMin = 16 * kKiB;
// A client of the command line that only listens asks the connection after so much silence, and
// gives it up after that many questions without an answer.
inline constexpr int kClientKeepaliveSeconds = 10;
inline constexpr int kClientKeepaliveProbeSeconds = 5;
inline constexpr int kClientKeepaliveProbesMax = 3;
// What a client of the command line keeps of one event, and of one line, of a stream; a snapshot of
// the largest fleet is one of each.
inline constexpr std::int64_t kClientEventBytesMax = 256 * kMiB;
// How often a server looks at its certificate files, besides SIGHUP.
inline constexpr Duration kCertificateCheckInterval = std::chrono::seconds(5);
inline constexpr std::int64_t kListLimitMax = 1'000;
inline constexpr std::int64_t kListLimitDefault = 100;

// Who may ask, and how often.
inline constexpr std::int64_t kTokensMax = 10'000;
inline constexpr std::int64_t kSessionsMax = 1'000;
inline constexpr std::int64_t kJoinUsesMax = 10'000;
inline constexpr Duration kJoinTokenFor = std::chrono::hours(24);
inline constexpr Duration kSessionFor = std::chrono::hours(12);
// Revoked and expired tokens are listed this long.
inline constexpr Duration kTokenKeptAfterEnd = std::chrono::hours(24 * 30);

// One job.
inline constexpr std::int64_t kCommandBytesMax = 128 * kKiB;
inline constexpr std::int64_t kEnvironmentBytesMax = 128 * kKiB;
inline constexpr std::int64_t kStdinBytesMax = 1 * kMiB;
inline constexpr std::int64_t kNameBytesMax = 256;
inline constexpr std::int64_t kLabelsMax = 64;
inline constexpr std::int64_t kLabelBytesMax = 256;
inline constexpr std::int64_t kNamedResourcesMax = 32;
inline constexpr std::int64_t kDependenciesMax = 1'000;
inline constexpr std::int64_t kArraySizeMax = 10'000;
inline constexpr std::int64_t kProgressTextBytesMax = 256;
// What an agent says of an attempt's end; of a longer one the middle is left out.
inline constexpr std::int64_t kEndMessageBytesMax = 4 * kKiB;
inline constexpr std::int64_t kArrayIndexMax = 1'000'000'000;
inline constexpr std::int64_t kCwdBytesMax = 4 * kKiB;
inline constexpr std::int64_t kIdempotencyKeyBytesMax = 256;
inline constexpr std::int64_t kGpusMax = 1'024;
inline constexpr std::int64_t kNamedAmountMax = 1'000'000'000;
inline constexpr Duration kQueueTimeMax = std::chrono::hours(24 * 365);
inline constexpr std::int64_t kRetriesMax = 1'000;
inline constexpr std::int64_t kCpuMilliMax = 1'024'000;
inline constexpr std::int64_t kMemoryBytesMax = 64 * 1024 * kGiB;
inline constexpr Duration kTimeoutMax = std::chrono::hours(24 * 7);
inline constexpr Duration kTimeoutDefault = std::chrono::seconds(300);
inline constexpr Duration kGraceDefault = std::chrono::seconds(5);
inline constexpr Duration kGraceMax = std::chrono::minutes(10);
inline constexpr std::int64_t kCpuMilliDefault = 1'000;
inline constexpr std::int64_t kCpuLimitMilliDefault = 2'000;
inline constexpr std::int64_t kMemoryBytesDefault = 512 * kMiB;
inline constexpr std::int64_t kMaxLostDefault = 5;

// Output of one stream of one attempt: the first kOutputHeadBytes and a ring of the last
// kOutputTailBytes are kept; what lies between is dropped and `truncated` is set.
inline constexpr std::int64_t kOutputBytesMax = 64 * kMiB;
inline constexpr std::int64_t kOutputHeadBytes = 32 * kMiB;
inline constexpr std::int64_t kOutputTailBytes = kOutputBytesMax - kOutputHeadBytes;
// Output up to this size is stored in the job's own transaction, not in a file.
inline constexpr std::int64_t kOutputInlineBytesMax = 16 * kKiB;
// Of all running attempts together at the controller; beyond it output goes to files at once.
inline constexpr std::int64_t kOutputMemoryBytesMax = 256 * kMiB;
// How much of a head a killed controller may have to be sent again.
inline constexpr std::int64_t kOutputCheckpointBytes = 4 * kMiB;
// Output files held open; those beyond it are opened for each write.
inline constexpr std::int64_t kOutputFilesOpenMax = 256;

// The controller.
inline constexpr std::int64_t kQueueJobsMax = 1'000'000;
inline constexpr std::int64_t kQueuePayloadBytesMax = 8 * kGiB;
inline constexpr std::int64_t kMailboxCommandsMax = 65'536;
inline constexpr std::int64_t kTurnCommandsMax = 1'024;
// Decided and not yet durable, besides what is being committed; the core waits beyond either.
inline constexpr std::int64_t kPipelineTurnsMax = 1'024;
inline constexpr std::int64_t kPipelineEventsMax = 32'768;
inline constexpr std::int64_t kReadersMax = 32;
// Up to this many agents the published list is as fresh as the last turn; with more of them it is
// copied at most once in this much time for each, so that copying stays below a tenth of a core.
inline constexpr std::int64_t kAgentsPublishAtOnceMax = 8;
inline constexpr std::int64_t kAgentPublishNsMin = 10'000;
inline constexpr Duration kStorageRetryInitial = std::chrono::milliseconds(50);
inline constexpr Duration kStorageRetryMax = std::chrono::seconds(2);
inline constexpr std::int64_t kAgentsMax = 10'000;
inline constexpr std::int64_t kDeadAgentsMax = 1'000;
inline constexpr std::int64_t kTurnPlacementsMax = 10'000;
inline constexpr std::int64_t kWatchersMax = 16'000;
inline constexpr std::int64_t kWatcherQueueEventsMax = 4'096;
inline constexpr Duration kHeartbeatInterval = std::chrono::seconds(10);
inline constexpr Duration kHeartbeatTimeout = std::chrono::seconds(30);
// With more agents than beat so often together, each is told to beat more seldom, at most this
// seldom; it then counts as lost when it has missed so many.
inline constexpr std::int64_t kHeartbeatsPerSecondMax = 500;
inline constexpr Duration kHeartbeatIntervalMax = std::chrono::hours(1);
inline constexpr std::int64_t kHeartbeatsMissedMax = 3;
inline constexpr Duration kSweepInterval = std::chrono::seconds(5);
inline constexpr Duration kStarvationAfter = std::chrono::seconds(60);

// What is kept of the past, whichever comes first; what is beyond goes in steps of the sizes below,
// with at least as long a pause after each as it took.
inline constexpr Duration kFinishedKeptFor = std::chrono::hours(24 * 7);
// How much faster than time passes a wall clock that is ahead is believed; see core/retention.h.
inline constexpr std::int64_t kRetentionHaste = 4;
inline constexpr Duration kFinishedKeptMin = std::chrono::minutes(1);
inline constexpr std::int64_t kFinishedJobsMax = 1'000'000;
inline constexpr std::int64_t kFinishedOutputBytesMax = 10 * kGiB;
inline constexpr std::int64_t kEventsKeptMax = 10'000'000;
inline constexpr Duration kEventsKeptFor = std::chrono::hours(24);
inline constexpr Duration kRetentionInterval = std::chrono::seconds(5);
inline constexpr std::int64_t kRetentionStepJobs = 200;
inline constexpr std::int64_t kRetentionStepEvents = 1'000;
inline constexpr std::int64_t kRetentionStepPages = 128;
inline constexpr std::uint32_t kRetentionStepFolders = 256;  // looked through after a start
inline constexpr std::int64_t kFreePagesKeptMin = 1'024;

// The agent link. A peer that reads too slowly for its queue is dropped; it reconnects and is told
// what it missed.
inline constexpr std::int64_t kLinkMessageBytesMax = 4 * kMiB;
inline constexpr std::int64_t kLinkQueueMessagesMax = 16'384;
inline constexpr std::int64_t kLinkQueueBytesMax = 512 * kMiB;
// Messages that wait while another is written go together up to this.
inline constexpr std::int64_t kLinkBatchBytesMax = 256 * kKiB;
inline constexpr std::int64_t kLinkStreamsMax = 2 * kAgentsMax;
inline constexpr std::int64_t kOutputChunkBytesMax = 256 * kKiB;
inline constexpr std::int64_t kOutputWindowBytes = 1 * kMiB;
inline constexpr Duration kLinkKeepalive = std::chrono::seconds(10);
// An attempt that ended waits so long, without a byte of progress, for output that its agent named.
inline constexpr Duration kFinishOutputPatience = std::chrono::minutes(2);
// From the opening of a control stream to the agent's hello.
inline constexpr Duration kLinkHelloTimeout = std::chrono::seconds(10);
inline constexpr Duration kLinkWelcomeTimeout = std::chrono::seconds(10);
inline constexpr Duration kReconnectInitial = Duration(100);
inline constexpr Duration kReconnectMax = std::chrono::seconds(5);

// One agent.
inline constexpr std::int64_t kParallelJobsDefault = 256;
inline constexpr std::int64_t kSpoolBytesMax = 4 * kGiB;
// Of one stream; what goes beyond is in a file.
inline constexpr std::int64_t kSpoolMemoryBytesMax = 64 * kKiB;
// Kept from jobs when the capacity is not given by the operator.
inline constexpr std::int64_t kReserveMemoryBytes = 256 * kMiB;
inline constexpr std::int64_t kPidsMaxDefault = 4'096;
// An empty folder of another agent's groups is removed when it is older.
inline constexpr Duration kAbandonedGroupAge = std::chrono::hours(1);
// Empty groups of ended jobs that wait for the next of the same limits, and the memory that one
// may still be charged with (what the kernel holds in advance for each CPU, not a job's cache).
inline constexpr std::int64_t kGroupsKeptMax = 64;
inline constexpr std::int64_t kGroupKeptMemoryBytesMax = 1 * kMiB;
// Of such groups' files, those that stay open, at most an eighth of what the process may open.
inline constexpr std::int64_t kGroupFilesOpenMax = 1'024;
// Untouched folders of ended jobs that wait for the next.
inline constexpr std::int64_t kAttemptFoldersKeptMax = 64;
inline constexpr std::int64_t kLoopPostedMax = 65'536;
inline constexpr std::int64_t kSpawnsWaitingMax = 1'024;
inline constexpr std::int64_t kBlockingTasksMax = 4'096;
// From fork to exec: a hung file system must not hold a job in ASSIGNED for ever.
inline constexpr Duration kExecDeadline = std::chrono::seconds(10);
// Telemetry. Files of groups and processes that are kept open, at most a quarter of what the
// process may open; those beyond are opened for each read.
inline constexpr std::int64_t kProbeFilesKeptMax = 4'096;
// With more processes than this a worker's I/O is unknown where its group does not count it.
inline constexpr std::int64_t kProbeProcessesMax = 256;
// A file that is longer is read so far.
inline constexpr std::size_t kProbeFileBytesMax = 256 * kKiB;
// So often a worker's command lines are looked at for a model before it is taken to have none.
inline constexpr int kProbeModelLooksMax = 30;
inline constexpr Duration kGpuInterval = std::chrono::seconds(2);
// A GPU that has not answered by then is stale.
inline constexpr Duration kGpuDeadline = std::chrono::seconds(5);
// Where there is no GPU or none answers, it is asked more and more seldom.
inline constexpr Duration kGpuIntervalMax = std::chrono::seconds(60);
inline constexpr std::int64_t kGpuAnswerBytesMax = 1 * kMiB;
inline constexpr std::int64_t kGpusListedMax = 64;
inline constexpr std::int64_t kGpuProcessesMax = 4'096;
inline constexpr Duration kDrainDeadlineAgent = std::chrono::seconds(30);
inline constexpr Duration kDrainDeadlineUp = std::chrono::seconds(10);

}  // namespace hearth::limits
