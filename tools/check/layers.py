"""Who may include whom. docs/architecture.md says why; this table is what holds."""

import re

import common
import selftest

NAME = "layers"
RULE = "an include that the layers in docs/architecture.md do not allow"

# A library may include itself and these, and nothing else of src/. A name that ends in .h is one
# header only; API_TYPES are those in the signatures of api/. Tests may also include what is below
# testing/ of an allowed library.
API_TYPES = ("core/command.h", "core/effect.h", "output/output_store.h", "registry/worker_query.h",
             "store/store.h", "uploads/digest.h", "uploads/upload_store.h")
ALLOWED = {
    "base": [],
    "model": ["base"],
    "wire": ["model", "base"],
    "archive": ["base"],
    "uploads": ["base"],
    "auth": ["base"],
    "sched": ["model", "base"],
    "registry": ["sched", "model", "base"],
    "core": ["sched", "model", "base"],
    "output": ["model", "base"],
    "store": ["auth", "wire", "model", "base"],
    "api": ["core", "registry", "store", "auth", "output", "uploads", "wire", "model", "base"],
    "config": ["base"],
    "tls": ["base"],
    "net": ["tls", "base"],
    "callbacks": ["tls", "model", "base"],
    "front/http": ["api", *API_TYPES, "auth", "net", "model", "base"],
    "front/rest": ["front/http", "archive", "uploads", "api", *API_TYPES, "auth", "net", "model",
                   "base"],
    "front/tasks": ["front/http", "callbacks", "api", *API_TYPES, "auth", "net", "model", "base"],
    "front/agentlink": ["api", *API_TYPES, "auth", "net", "tls", "wire", "model", "base"],
    "client": ["net", "tls", "base"],
    "cli": ["archive", "client", "config", "auth", "net", "tls", "base"],
    "agent/core": ["model", "base"],
    "agent/loop": ["base"],
    "agent/cgroup": ["model", "base"],
    "agent/launcher": ["agent/loop", "model", "base"],
    "agent/sandbox": ["agent/launcher", "model", "base"],
    "agent/probe": ["agent/cgroup", "model", "base"],
    "agent/uploads": ["agent/link", "agent/core", "agent/loop", "output", "model", "base"],
    "agent/runtimes": ["agent/core", "agent/loop", "agent/cgroup", "agent/launcher", "agent/sandbox",
                       "agent/uploads/uploads.h", "agent/uploads/testing/fake_uploads.h", "archive", "output", "model", "base"],
    "agent/link": ["agent/core", "agent/loop", "auth", "output", "uploads/digest.h", "wire",
                   "net", "tls", "model", "base"],
    "agent/telemetry": ["agent/probe", "agent/cgroup", "agent/link", "agent/core", "agent/loop", "output",
                        "model", "base"],
    "agent/host": ["agent/core", "agent/loop", "agent/cgroup", "agent/launcher", "agent/sandbox",
                   "agent/runtimes", "agent/probe", "agent/telemetry", "agent/link", "agent/uploads", "auth",
                   "tls", "output", "wire", "model", "base"],
    "local": ["api", "core/command.h", "core/effect.h", "uploads/upload_store.h", "agent/core",
              "agent/link", "agent/loop", "output",
              "model", "base"],
    "apps": ["*"],
}

PURE = ("auth", "model", "sched", "registry", "core", "agent/core")
# Functions of their arguments only.
PURE_EXTERNAL = ("openssl/crypto.h", "openssl/sha.h")
# Values that base offers to the pure libraries; the rest of base reads clocks, files or logs.
PURE_BASE = {"base/" + name for name in
             ("check.h", "error.h", "limits.h", "mutate.h", "result.h", "strong_id.h", "text.h",
              "task_limits.h", "telemetry_limits.h", "time.h")}
IMPURE_STD = {
    "thread", "mutex", "shared_mutex", "condition_variable", "future", "atomic", "stop_token",
    "semaphore", "latch", "barrier", "random", "fstream", "filesystem", "iostream", "cstdio",
    "stdio.h", "ctime", "time.h", "csignal", "signal.h",
}
IMPURE_PATH = re.compile(r"^(sys|netinet|arpa|net|linux|boost|google|grpc\w*\+*|openssl|spdlog|fmt"
                         r"|hearth|CLI)/|^(unistd|fcntl|poll|pthread|sqlite3|sched|dirent)\.h$")

# Headers that would slow every build if they spread: each stays inside these libraries.
CONFINED = {
    r"^spdlog/": ("base",),
    r"^sqlite3\.h$": ("store",),
    r"^CLI/": ("cli", "apps"),
    r"^boost/beast": ("net", "client"),
    r"^boost/asio": ("net", "front/rest", "client"),
    r"^google/protobuf|\.pb\.h$": ("wire", "front/agentlink", "agent/link"),
    r"^(zlib|zconf|zstd|zstd_errors|zdict)\.h$": ("archive",),
    r"^grpc": ("front/agentlink", "agent/link"),
}


def library_of(path):
    """`src/agent/core/x.h` -> `agent/core`; None for what is not below a library."""
    parts = path.split("/")
    if parts[0] in ("agent", "front"):
        return "/".join(parts[:2]) if len(parts) > 2 else None
    return parts[0] if len(parts) > 1 else None


def run(tree, options):
    del options
    problems = []
    files = tree.select(*common.CXX, under=("src/",))
    for name in files:
        library = library_of(name.removeprefix("src/"))
        if library not in ALLOWED:
            problems.append(common.Problem(
                name, 0, f"the library '{library}' has no row in tools/check/layers.py"))
            continue
        problems += _own_header_first(tree, name)
        for line, path, is_project in common.includes(tree, name):
            why = _refused(tree, name, library, path, is_project)
            if why:
                problems.append(common.Problem(name, line, why))
    return problems, f"{len(files)} files"


def _refused(tree, name, library, path, is_project):
    test = common.is_test(name)
    if "/testing/" in "/" + path and not test:
        return f"{path}: only tests include testing/"
    if library in PURE and not test:
        impure = path in IMPURE_STD or (
            IMPURE_PATH.match(path) and path not in PURE_EXTERNAL) or (
            path.startswith("base/") and path not in PURE_BASE)
        if impure:
            return f"{path}: {library} is pure (no I/O, thread, clock, randomness, wire format, log)"
    for pattern, homes in CONFINED.items():
        if re.search(pattern, path) and library not in homes:
            return f"{path} stays inside {', '.join(homes)}"
    if not is_project:
        return None
    if not (tree.root / "src" / path).is_file():
        if path.endswith(".pb.h") or (tree.root / "src" / f"{path}.in").is_file():
            return None  # generated
        return f"{path}: project includes are written from src/ and must exist there"
    target = library_of(path)
    allowed = ALLOWED[library]
    if target == library or "*" in allowed or target in allowed or path in allowed:
        return None
    if test and "/testing/" in path and target == "base":
        return None
    return f"{path}: {library} may include only {', '.join(allowed) or 'itself'}"


def _own_header_first(tree, name):
    own = name.removeprefix("src/").removesuffix(".cc").removesuffix("_test") + ".h"
    if not name.endswith(".cc") or not (tree.root / "src" / own).is_file():
        return []
    found = common.includes(tree, name)
    if any(path == own for _, path, _ in found) and found[0][1] != own:
        return [common.Problem(name, found[0][0],
                               f"{own} comes first: that proves that it needs no other include")]
    return []


def self_test():
    base = {"src/base/time.h": "", "src/base/log.h": "", "src/model/job.h": "",
            "src/core/controller.h": "", "src/core/testing/fake.h": "", "src/api/api.h": "",
            "src/front/rest/r.h": "", "src/front/agentlink/a.h": "", "src/core/command.h": "",
            "src/apps/version.h.in": ""}

    def case(name, text, expected):
        selftest.expect(run, {**base, name: text}, expected)

    case("src/core/a.cc", '#include "model/job.h"\n#include <vector>\n', 0)
    case("src/model/a.cc", '#include "core/controller.h"\n', 1)
    case("src/core/a.cc", "#include <thread>\n", 1)
    case("src/core/a.cc", "#include <sys/socket.h>\n", 1)
    case("src/core/a.cc", '#include "base/log.h"\n', 1)
    case("src/core/a.cc", "// #include <thread>\n", 0)
    case("src/front/rest/b.cc", '#include "api/api.h"\n', 0)
    case("src/front/rest/b.cc", '#include "front/agentlink/a.h"\n', 1)
    case("src/front/rest/b.cc", '#include "core/controller.h"\n', 1)
    case("src/front/rest/b.cc", '#include "core/command.h"\n', 0)
    case("src/apps/main.cc", '#include "apps/version.h"\n', 0)
    case("src/api/b.cc", '#include "core/testing/fake.h"\n', 1)
    case("src/api/b_test.cc", '#include "core/testing/fake.h"\n', 0)
    case("src/api/b.cc", "#include <spdlog/spdlog.h>\n", 1)
    case("src/api/b.cc", "#include <zlib.h>\n", 1)
    case("src/archive/b.cc", "#include <zlib.h>\n", 0)
    case("src/api/b.cc", '#include "api/none.h"\n', 1)
    case("src/api/api.cc", '#include <vector>\n#include "api/api.h"\n', 1)
    case("src/unheard/a.cc", "", 1)
