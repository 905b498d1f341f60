// Result files of jobs that leave something else in their place: what is given is the job's own, or
// nothing and why.
#include <algorithm>

#include "base/upload_limits.h"
#include "tests/attack/upload_fixture.h"
#include "tests/harness/processes.h"

namespace hearth::attack {

using harness::text;

namespace {

using Lines = std::vector<std::string>;

class ResultsTest : public UploadTest {
 protected:
  void SetUp() override {
    UploadTest::SetUp();
    if (!IsSkipped()) {
      start_hearth();
    }
  }

  // What a job that runs this leaves of the paths, and what is said of the rest.
  void expect_results(const std::string& script, const Lines& wanted, const Lines& taken,
                      const Lines& left_out, const std::string& state = "COMPLETED") {
    SCOPED_TRACE(script);
    const json::object ended = run_for(wanted, script);
    EXPECT_EQ(text(ended, "state"), state) << output(text(ended, "id"), "stderr");
    EXPECT_EQ(taken_of(text(ended, "id")), taken);
    EXPECT_EQ(left_out_of(text(ended, "id")), left_out);
    for (const std::string& path : wanted) {
      const bool is_taken = std::find(taken.begin(), taken.end(), path) != taken.end();
      EXPECT_EQ(result(text(ended, "id"), path).status, is_taken ? 200 : 404) << path;
    }
    expect_as_before();
  }
};

TEST_F(ResultsTest, LinksOfAllKinds) {
  expect_results(
      "ln -s /etc/passwd a; ln -s /proc/1/root b; ln -s ../../../../etc/passwd c; ln -s own d; "
      "ln -s /proc/self/fd/0 e; ln -s . f; echo own > own; mkdir g; ln -s ../own g/h; ln own i",
      {"a", "b", "b/etc/passwd", "c", "d", "e", "f", "f/own", "g", "i"}, {},
      {"a: is a symbolic link", "b: is a symbolic link",
       "b/etc/passwd: lies behind a symbolic link", "c: is a symbolic link",
       "d: is a symbolic link", "e: is a symbolic link", "f: is a symbolic link",
       "f/own: lies behind a symbolic link", "g/h: is a symbolic link",
       "i: has 2 names (hard links); only files with one are taken"});
}

TEST_F(ResultsTest, WhatIsNoFile) {
  expect_results(
      "mkfifo pipe; mknod null c 0 0; echo own > own; "
      "/usr/bin/python3 -c \"import socket; "
      "socket.socket(socket.AF_UNIX).bind('socket')\"; "
      "ln -s /dev/zero zero; mkdir -m 0 closed; touch locked; chmod 0 locked",
      {"pipe", "null", "own", "socket", "zero", "closed", "locked", "none", "own/below"},
      {"locked", "own"},
      {"pipe: is a named pipe", "null: is a device", "socket: is a socket",
       "zero: is a symbolic link", "none: does not exist", "own/below: does not exist"});
}

TEST_F(ResultsTest, FoldersWithoutEnd) {
  std::string deep = "top";
  for (std::int64_t i = 0; i < limits::kResultDepthMax; ++i) {
    deep += "/d";
  }
  expect_results(
      "mkdir -p " + deep + "; echo own > top/own; ln -s .. top/up; ln -s ../../top top/d/again",
      {"top"}, {"top/own"},
      {"top/d/again: is a symbolic link",
       deep + ": is a directory more than 32 deep (kResultDepthMax)",
       "top/up: is a symbolic link"});
}

TEST_F(ResultsTest, MoreThanIsTaken) {
  const json::object ended =
      run_for({"huge", "own", "many"},
              "truncate -s 1G huge; echo own > own; mkdir many; cd many; "
              "seq 1 " +
                  std::to_string(limits::kResultFilesMax + 10) + " | xargs touch");
  const std::string id = text(ended, "id");
  EXPECT_EQ(text(ended, "state"), "COMPLETED") << output(id, "stderr");
  EXPECT_EQ(std::ssize(taken_of(id)), limits::kResultFilesMax);
  const Lines left_out = left_out_of(id);
  ASSERT_FALSE(left_out.empty());
  EXPECT_TRUE(left_out[0].starts_with("huge: has 1073741824 bytes, which is more than"))
      << left_out[0];
  EXPECT_TRUE(left_out[1].ends_with("(kResultFilesMax)")) << left_out[1];
  EXPECT_EQ(result(id, "own").raw, "own\n");
  EXPECT_EQ(result(id, "huge").status, 404);
  expect_as_before();
}

// With a hole of what could be sent, read as zeros: no byte of anybody's memory.
TEST_F(ResultsTest, HolesAreZeros) {
  const json::object ended = run_for({"hole"}, "truncate -s 3M hole; echo end >> hole");
  const harness::Answer hole = result(text(ended, "id"), "hole");
  EXPECT_TRUE(hole.raw == std::string(3 << 20, '\0') + "end\n") << hole.raw.size();
  expect_as_before();
}

TEST_F(ResultsTest, NamesForWhoeverReadsThem) {
  expect_results(
      "mkdir top; cd top; touch -- 'a\nb' \"$(printf 'c\\033[2J')\" \"$(printf 'd\\377')\" '\"}],' "
      "'..own' '-rf' ' '",
      {"top"}, {"top/ ", "top/\"}],", "top/-rf", "top/..own"},
      {R"(top/a\x0ab: has a name that is no printable UTF-8)",
       R"(top/c\x1b[2J: has a name that is no printable UTF-8)",
       R"(top/d\xff: has a name that is no printable UTF-8)"});
}

// By a process that the job leaves behind, until the kernel ends it: what is given of `out` is one
// of the files that the job had there, never what the links lead to.
TEST_F(ResultsTest, WhatChangesUntilTheEnd) {
  constexpr const char* kSwap = R"py(import os
os.symlink('/etc/passwd', 'link')
os.mkdir('real')
os.symlink('/etc', 'away')
for name in ('out', 'real/passwd'):
    with open(name, 'w') as file:
        file.write('own')
begun, begins = os.pipe()
if os.fork() == 0:
    while True:
        for one, other in (('out', 'link'), ('real', 'away')):
            os.rename(one, 'between')
            os.rename(other, one)
            os.rename('between', other)
        with open('grows', 'a') as file:
            file.write('own')
        os.truncate('grows', 3)
        if begins >= 0:
            os.write(begins, b'x')
            begins = -1
os.read(begun, 1)
)py";
  for (int round = 0; round < 6; ++round) {
    const json::object ended =
        run({"/usr/bin/python3", "-c", kSwap},
            {{"results", {"out", "link", "real/passwd", "away/passwd", "grows"}}});
    const std::string id = text(ended, "id");
    EXPECT_EQ(text(ended, "state"), "COMPLETED") << output(id, "stderr");
    for (const std::string& path : taken_of(id)) {
      const std::string bytes = result(id, path).raw;
      EXPECT_TRUE(path == "grows" ? bytes == std::string("ownown").substr(0, bytes.size())
                                  : bytes == "own")
          << path << ": " << bytes;
    }
  }
  expect_as_before();
}

TEST_F(ResultsTest, OfJobsThatAreKilled) {
  json::object body =
      job_of({"/bin/sh", "-c", "echo own > own; ln -s /etc/passwd a; echo ready; exec sleep 50"});
  body["results"] = {"own", "a"};
  const std::string id = submit(body);
  wait_until([&] { return output(id) == "ready\n"; }, "the files");
  EXPECT_EQ(post("/v1/jobs/" + id + "/cancel", "{}").status, 202);
  EXPECT_EQ(text(wait_ended(id), "state"), "CANCELLED");
  EXPECT_EQ(result(id, "own").raw, "own\n");
  EXPECT_EQ(left_out_of(id), Lines{"a: is a symbolic link"});
  expect_as_before();
}

// What is asked for at the controller, by whoever submits or reads.
TEST_F(ResultsTest, PathsThatLeadOut) {
  for (const char* path :
       {"/etc/passwd", "../x", "a/../../x", "a/..", ".", "", "a//b", "a/", "./a", "a\nb"}) {
    json::object body = job_of({"/bin/true"});
    body["results"] = json::array({json::value(path)});
    EXPECT_EQ(post("/v1/jobs", json::serialize(body)).status, 400) << path;
  }
  json::object many = job_of({"/bin/true"});
  many["results"] = json::array(limits::kResultPathsMax + 1, "a");
  EXPECT_EQ(post("/v1/jobs", json::serialize(many)).status, 413);
  const json::object ended = run_for({"own"}, "echo own > own");
  for (const char* path :
       {"../own", "..%2fown", "%2e%2e/own", "own/../own", "/etc/passwd", "%2fetc%2fpasswd",
        "own%00", "own%0a", "./own", "own/", "OWN", "%6fwn%"}) {
    const int status = result(text(ended, "id"), path).status;
    EXPECT_TRUE(status == 404 || status == 400) << path << ": " << status;
  }
  EXPECT_EQ(result(text(ended, "id"), "own").raw, "own\n");
  expect_as_before();
}

}  // namespace
}  // namespace hearth::attack
