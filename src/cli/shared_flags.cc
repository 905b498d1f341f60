#include "cli/shared_flags.h"

namespace hearth::cli {
namespace {

void add_limit_options(CLI::App& app, JobOptions& job) {
  app.add_option("--cpu", job.cpu, "Cores to reserve, fractions allowed (default 1)")
      ->group("Limits");
  app.add_option("--cpu-limit", job.cpu_limit, "Cores it may use at most (default max(2, --cpu))")
      ->group("Limits");
  app.add_option("--memory", job.memory,
                 "Memory reserved and hard limit, MiB or 512M, 2G (default 512)")
      ->group("Limits");
  app.add_option("--gpus", job.gpus, "GPUs to reserve")->group("Limits");
  app.add_option("--resource", job.resources, "Named resource NAME=AMOUNT; repeatable")
      ->group("Limits")
      ->allow_extra_args(false);
  app.add_option("--timeout", job.timeout, "Wall time of one attempt, e.g. 30s, 5m (default 300s)")
      ->group("Limits");
  app.add_option("--grace", job.grace, "Between SIGTERM and SIGKILL (default 5s; scripts 0)")
      ->group("Limits");
  app.add_option("--on-output-limit", job.on_output_limit,
                 "truncate or kill when a stream passes its bound")
      ->type_name("truncate|kill")
      ->group("Limits");
}

void add_placement_options(CLI::App& app, JobOptions& job) {
  app.add_option("--require", job.requires_labels, "Label an agent must carry, k=v; repeatable")
      ->group("Placement")
      ->allow_extra_args(false);
  app.add_option("--sandbox", job.sandbox,
                 "none, process or image (default none; with --script or --upload process, with "
                 "--image image)")
      ->type_name("none|process|image")
      ->group("Placement");
  app.add_option("--image", job.image, "Root file system to run in, by the name agents give to it")
      ->group("Placement");
  app.add_option("--priority", job.priority, "Higher goes first (default 0)")->group("Placement");
  app.add_option("--queue", job.queue, "Queue (default \"default\")")->group("Placement");
  app.add_option("--group", job.group, "Concurrency group, with --group-limit")->group("Placement");
  app.add_option("--group-limit", job.group_limit, "Jobs of the group that may run at once")
      ->group("Placement");
  app.add_option("--after", job.after, "Run after job ID[:ok|any|notok]; repeatable (default ok)")
      ->type_name("JOB")
      ->group("Placement")
      ->allow_extra_args(false);
  app.add_option("--delay", job.delay, "Do not start before this much time has passed")
      ->group("Placement");
  app.add_option("--max-queue", job.max_queue, "Fail if not started within this time")
      ->group("Placement");
  app.add_option("--on-infeasible", job.on_infeasible,
                 "wait or reject when no agent could ever hold it")
      ->type_name("wait|reject")
      ->group("Placement");
}

}  // namespace

void add_common(CLI::App& app, Common& common) {
  app.add_option("--url", common.url,
                 "Controller's HTTP address (default: HEARTH_URL, else 127.0.0.1:7070)");
  app.add_option("--ca", common.tls.authority,
                 "Authority (PEM) that an https controller's certificate has to come from "
                 "(default: HEARTH_CA, else the system's)")
      ->type_name("FILE");
  app.add_option("--client-cert", common.tls.certificate,
                 "Certificate to show to the controller (default: HEARTH_CLIENT_CERT)")
      ->type_name("FILE");
  app.add_option("--client-key", common.tls.key, "Its private key (default: HEARTH_CLIENT_KEY)")
      ->type_name("FILE");
  app.add_option("--token-file", common.token_file,
                 "File that holds the token (default: the variable HEARTH_TOKEN)")
      ->type_name("FILE");
  app.add_flag("--json", common.json, "Machine-readable output");
}

void add_job_options(CLI::App& app, JobOptions& job) {
  app.add_option("--name", job.name, "Name shown in lists");
  app.add_option("--label", job.labels, "Tag k=v of the job itself; repeatable")
      ->allow_extra_args(false);
  app.add_option("--env", job.env, "Environment K=V; repeatable; K alone is refused")
      ->allow_extra_args(false);
  app.add_option("--cwd", job.cwd, "Working directory on the agent (default: a fresh one)")
      ->type_name("DIR");
  app.add_option("--stdin", job.stdin_from, "Standard input from FILE, or - for this one's")
      ->type_name("FILE");
  app.add_option(
         "--script", job.script_from,
         "Run the code in FILE (- for standard input) in a sandbox; what follows -- are its "
         "arguments")
      ->type_name("FILE");
  app.add_option("--language", job.language,
                 "Language of --script: js, python, sh or what else agents offer (default: by the "
                 "extension .js .mjs .cjs .py .sh .bash)")
      ->type_name("js|python|sh");
  app.add_option(
         "--upload", job.upload_from,
         "Unpack a folder (all but .git) or a ZIP or tar archive into the working directory; "
         "in a sandbox")
      ->type_name("FILE");
  app.add_option("--result", job.results,
                 "Keep this file or directory of the working directory, for hearth results; "
                 "repeatable")
      ->type_name("PATH")
      ->allow_extra_args(false);
  app.add_option("--retries", job.retries, "Run again after its own failure, at most this often");
  app.add_option("--retry-on-exit", job.retry_on_exit,
                 "Retry only for these exit codes; repeatable")
      ->allow_extra_args(false);
  app.add_option("--max-lost", job.max_lost, "Run again after a lost agent, at most this often");
  app.add_option("--idempotency-key", job.idempotency_key,
                 "The same key again gives the same job, not another");
  add_limit_options(app, job);
  add_placement_options(app, job);
  app.add_option("command", job.command, "Command and its arguments, after --")
      ->type_name("COMMAND");
}

}  // namespace hearth::cli
