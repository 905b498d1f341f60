// Scripts that would have more of the interpreter that waited for them than their own: the agent's
// socket to it, what others were given, the next script's place; and interpreters that end, or
// stop, between being asked for and being there.
#include <signal.h>

#include "tests/attack/waiting_fixture.h"
#include "tests/harness/processes.h"

namespace hearth::attack {

using harness::text;

namespace {

// Where all that both kinds of scripts may write lies, and what may outlive its writer.
constexpr const char* kPoisonOfNode = R"js(const fs = require('fs');
for (const folder of ['/work', '/tmp', '/dev/shm']) fs.writeFileSync(folder + '/left', 'poison');
fs.writeFileSync('/work/package.json', '{"type": "module"}');
fs.mkdirSync('/work/node_modules/fs-extra', {recursive: true});
fs.writeFileSync('/work/node_modules/fs-extra/index.js', 'throw new Error("poison")');
Object.prototype.poison = 1;
Array.prototype.map = () => 'poison';
fs.writeSync = fs.readFileSync = () => { throw new Error('poison'); };
require('module').runMain = () => {};
process.env.POISON = '1';
process.umask(0o777);
process.on('exit', () => { for (;;) {} });
require('child_process').spawn('sh', ['-c', 'trap "" TERM HUP; while :; do sleep 5; done'],
                               {detached: true, stdio: 'ignore'}).unref();
require('net').createServer().listen('\0left', () => { console.log('left'); process.abort(); });
)js";
constexpr const char* kLookOfNode = R"js(const fs = require('fs');
const found = [];
for (const folder of ['/work', '/tmp', '/dev/shm']) found.push(...fs.readdirSync(folder));
if ({}.poison || [1].map((x) => x + 1)[0] !== 2 || process.env.POISON) found.push('globals');
if (process.umask() === 0o777) found.push('umask');
found.push(...fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name) && +name !== process.pid));
require('net').connect('\0left').on('connect', () => { console.log('socket'); process.exit(); })
    .on('error', () => console.log(found.join(' ')));
)js";
constexpr const char* kPoisonOfPython = R"py(import builtins, os, signal, socket, sys
for folder in ('/work', '/tmp', '/dev/shm'):
    open(folder + '/left', 'w').write('poison')
for name in ('sitecustomize', 'usercustomize', 'json', 'socket'):
    open('/work/' + name + '.py', 'w').write('raise SystemExit("poison")')
builtins.print = builtins.open = lambda *given: None
sys.modules['os'] = None
os.umask(0o777)
os.setpriority(os.PRIO_PROCESS, 0, 19)
listener = socket.socket(socket.AF_UNIX)
listener.bind('\0left')
listener.listen()
if os.fork() == 0:
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    while True:
        signal.pause()
os.write(1, b'left\n')
os.abort()
)py";
constexpr const char* kLookOfPython = R"py(import os, socket
found = [name for folder in ('/work', '/tmp', '/dev/shm') for name in os.listdir(folder)]
found += [name for name in os.listdir('/proc') if name.isdigit() and int(name) != os.getpid()]
if os.umask(0) == 0o777 or os.getpriority(os.PRIO_PROCESS, 0) != 0:
    found.append('settings')
try:
    socket.socket(socket.AF_UNIX).connect('\0left')
    found.append('socket')
except ConnectionRefusedError:
    pass
print(' '.join(found))
)py";

// Each descriptor that is not a stream, a pipe or part of the interpreter itself.
constexpr const char* kDescriptorsOfNode = R"js(const fs = require('fs');
const known = /^(anon_inode:|pipe:|\/dev\/null|\/proc\/)/;
for (const fd of fs.readdirSync('/proc/self/fd')) {
  try {
    const target = fs.readlinkSync('/proc/self/fd/' + fd);
    if (+fd > 2 && !known.test(target)) console.log(fd, target);
  } catch (error) {}
}
for (const fd of [3, 4]) {
  for (const use of [() => fs.writeSync(fd, 'A'), () => fs.readSync(fd, Buffer.alloc(1))]) {
    try { use(); console.log('used', fd); } catch (error) { console.log(error.code); }
  }
}
)js";
constexpr const char* kDescriptorsOfPython = R"py(import os
for fd in os.listdir('/proc/self/fd'):
    try:
        target = os.readlink('/proc/self/fd/' + fd)
    except FileNotFoundError:
        continue
    if int(fd) > 2 and not target.startswith('/proc/'):
        print(fd, target)
for fd in range(3, 64):
    for byte in b'RAGR':
        try:
            print('wrote', fd, os.write(fd, bytes([byte])))
        except OSError as error:
            assert error.strerror == 'Bad file descriptor', error
os.write(1, b'RA')
os.write(2, b'RA')
)py";

class WaitingScriptsTest : public WaitingTest {
 protected:
  // What it printed in an interpreter that waited, and in one that was started for it.
  void expect_the_same(const json::object& job) {
    json::object cold = job;
    cold["requiredRamMb"] = kMemoryMb;  // less than what one that waits has
    make_ready();
    const json::object first = run({}, job);
    const json::object second = run({}, cold);
    EXPECT_EQ(text(first, "state"), "COMPLETED") << output(text(first, "id"), "stderr");
    EXPECT_EQ(text(second, "state"), "COMPLETED") << output(text(second, "id"), "stderr");
    EXPECT_EQ(output(text(first, "id")), output(text(second, "id")));
    EXPECT_NE(output(text(first, "id")), "");
    expect_as_before();
  }
};

TEST_F(WaitingScriptsTest, NothingIsLeftForTheNext) {
  const auto poison = [this](const std::string& language, const std::string& code) {
    make_ready();
    expect_end({.name = "poison of " + language,
                .command = {},
                .state = "FAILED",
                .reason = "signaled",
                .output = "left\n",
                .more = script(language, code)});
  };
  for (int twice = 0; twice < 2; ++twice) {
    poison("js", kPoisonOfNode);
    expect_script("js", kLookOfNode, "main.js\n");
    poison("python", kPoisonOfPython);
    expect_script("python", kLookOfPython, "main.py\n");
  }
}

TEST_F(WaitingScriptsTest, TheAgentsDescriptorsAreClosed) {
  expect_script("js", kDescriptorsOfNode, "EBADF\nEBADF\nEBADF\nEBADF\n");
  expect_script("python", kDescriptorsOfPython, "RA");
}

// Another's code and words are in memory files of an interpreter that waits beside this one.
TEST_F(WaitingScriptsTest, OthersThatWaitAreNotSeen) {
  make_ready();
  const std::string pid = std::to_string(waiting_pid("node"));
  const std::string code = R"py(import os, sys
for pid in (sys.argv[1], '1'):
    for name in ('fd/0', 'fd/3', 'fd/4', 'mem', 'environ', 'cmdline', 'root/work', 'cwd'):
        try:
            os.open('/proc/' + pid + '/' + name, os.O_RDONLY)
            print('opened', name)
        except FileNotFoundError:
            pass
    try:
        os.kill(int(pid), 9)
        print('killed', pid)
    except (ProcessLookupError, PermissionError):
        pass
print('end')
)py";
  expect_end({.name = "look at one that waits",
              .command = {},
              .output = "end\n",
              .more = script("python", code, {pid})});
  EXPECT_EQ(std::to_string(waiting_pid("node")), pid);
}

// Words and variables that mean something to interpreters, or to whoever puts them in place.
TEST_F(WaitingScriptsTest, HostileWordsArePlainWords) {
  const std::vector<std::string> words = {"--eval", "process.exit(9)", "-c",  "import os", "--",
                                          "-",      "--inspect-brk",   "\n1", "1",         ""};
  const json::object variables = {{"__proto__", "a"},      {"constructor", "b"},
                                  {"toString", "c"},       {"hasOwnProperty", "d"},
                                  {"BASH_ENV", "/work/x"}, {"x", "=\n="}};
  json::object js = script("js",
                           "const mine = Object.keys(process.env).sort().filter((name) => "
                           "!/^HEARTH_/.test(name));"
                           "console.log(JSON.stringify([process.argv.slice(1), process.execArgv, "
                           "mine.map((name) => [name, process.env[name]])]));",
                           words);
  js["env"] = variables;
  expect_the_same(js);
  json::object python = script("python",
                               "import json, os, sys\n"
                               "mine = sorted(item for item in os.environ.items() "
                               "if not item[0].startswith('HEARTH_'))\n"
                               "print(json.dumps([sys.argv, mine]))\n",
                               words);
  python["env"] = variables;
  expect_the_same(python);
}

TEST_F(WaitingScriptsTest, LimitsAreTheScripts) {
  const auto done = [](std::vector<std::string> words, const std::string& output) {
    words.insert(words.begin(), "do");
    return Case{.name = words[1], .command = tool(words), .output = output};
  };
  // The script's own file is a part of what may be written.
  expect_tool("python", done({"fill", "/work/full", "64"},
                             "refused ENOSPC after " + std::to_string(kDiskMb - 1) + "\n"));
  expect_tool("python", done({"forks", "200"},
                             "refused EAGAIN after " + std::to_string(kProcesses - 2) + "\n"));
  expect_tool("js", done({"daemon"}, "left\n"));
  Case memory = done({"touch", "600"}, "");
  memory.state = "FAILED";
  memory.reason = "oom";
  expect_tool("python", memory);
  Case stubborn = done({"ignore-term"}, "ready\n");
  stubborn.state = "TIMED_OUT";
  stubborn.reason = "timed_out";
  stubborn.more = {{"timeoutMs", 1'000}};
  expect_tool("js", stubborn);
}

// It ends when the script is in its place already but was not begun: another is started for it.
TEST_F(WaitingScriptsTest, OneThatEndsBeforeItBegins) {
  for (const char* language : {"js", "python"}) {
    make_ready();
    const pid_t pid = waiting_pid(language == std::string("js") ? "node" : "python");
    const std::int64_t hits = metric("hearth_agent_warm_hits_total");
    ::kill(pid, SIGSTOP);
    const std::string id = submit(job_of({}, script(language, "1")));
    wait_until([&] { return metric("hearth_agent_warm_hits_total") > hits; }, "it to be taken");
    ::kill(pid, SIGKILL);
    const json::object ended = wait_ended(id);
    EXPECT_EQ(text(ended, "state"), "COMPLETED") << json::serialize(ended);
    EXPECT_EQ(harness::number(ended, "attempt"), 1);
    expect_as_before();
  }
}

// One that never begins ends as a script that takes too long.
TEST_F(WaitingScriptsTest, OneThatNeverBegins) {
  make_ready();
  ::kill(waiting_pid("python"), SIGSTOP);
  json::object more = script("python", "print(1)");
  more["timeoutMs"] = 500;
  expect_end({.name = "stopped",
              .command = {},
              .state = "TIMED_OUT",
              .reason = "timed_out",
              .more = more});
}

}  // namespace
}  // namespace hearth::attack
