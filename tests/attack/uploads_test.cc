// Hostile archives, from POST /v1/uploads to a job that has one: refused whole with the entry and
// the reason, or unpacked in the sandbox within its bounds.
#include <filesystem>
#include <fstream>

#include "archive/testing/pack.h"
#include "archive/testing/tar_builder.h"
#include "archive/testing/zip_builder.h"
#include "base/archive_limits.h"
#include "tests/attack/layout_fixture.h"
#include "tests/attack/upload_fixture.h"
#include "tests/harness/processes.h"

namespace hearth::attack {

using archive::testing::build_tar;
using archive::testing::build_zip;
using archive::testing::gzipped;
using archive::testing::TarItem;
using archive::testing::zip_directory;
using archive::testing::ZipHeader;
using archive::testing::ZipItem;
using archive::testing::zstd_packed;
using harness::text;

namespace {

constexpr std::uint32_t kZipLink = 0120777;
constexpr std::uint32_t kZipPipe = 010666;
constexpr std::uint32_t kZipDevice = 020666;

struct Hostile {
  const char* name;
  std::string archive;
  std::string why;  // a part of what is said
};

class UploadsTest : public UploadTest {
 protected:
  void SetUp() override {
    UploadTest::SetUp();
    if (!IsSkipped()) {
      start_hearth();
      kept_ = uploads_on_disk();
    }
  }

  void expect_refused(const std::vector<Hostile>& all) {
    for (const Hostile& hostile : all) {
      const harness::Answer answer =
          post("/v1/uploads", hostile.archive, "application/octet-stream");
      EXPECT_EQ(answer.status, 422) << hostile.name << ": " << answer.raw;
      if (answer.status == 422) {
        EXPECT_EQ(text(answer.body.as_object(), "code"), "archive_refused") << hostile.name;
        EXPECT_NE(text(answer.body.as_object(), "detail").find(hostile.why), std::string::npos)
            << hostile.name << ": " << text(answer.body.as_object(), "detail");
      }
    }
    EXPECT_EQ(uploads_on_disk(), kept_) << "something of what was refused is kept";
    expect_as_before();
  }

 private:
  std::map<std::string, std::string> kept_;
};

TEST_F(UploadsTest, TarsThatLeadOut) {
  const TarItem file = {.name = "file", .contents = "x"};
  const auto named = [](const std::string& name) {
    return build_tar({{.name = name, .contents = "x"}});
  };
  expect_refused({
      {"..", named("../file"), R"(entry "../file": ".." would lead)"},
      {"inner ..", named("a/../../file"), R"(entry "a/../../file")"},
      {"absolute", named("/etc/passwd"), "the path is absolute"},
      {"link", build_tar({link_entry("out", "/etc"), {.name = "out/passwd", .contents = "x"}}),
       R"(entry "out": it is a)"},
      {"hard link", build_tar({link_entry("out", "/etc/passwd", '1')}), R"(entry "out": it is a)"},
      {"file, then a link of its name", build_tar({file, link_entry("file", "/etc/passwd")}),
       R"(entry "file")"},
      {"device", build_tar({{.name = "disk", .type = '4'}}), R"(entry "disk": it is a)"},
      {"device, character", build_tar({{.name = "memory", .type = '3'}}), R"(entry "memory")"},
      {"pipe", build_tar({{.name = "pipe", .type = '6'}}), R"(entry "pipe": it is a)"},
      {"set-id", build_tar({{.name = "program", .contents = "x", .mode = 04755}}), "set-user-id"},
      {"capabilities",
       build_tar({archive::testing::pax({{"SCHILY.xattr.security.capability", "x"}}), file}),
       "capabilities"},
      {"link by pax", build_tar({archive::testing::pax({{"path", "../file"}}), file}), "../file"},
      {"twice", build_tar({file, file}), "in the archive twice"},
      {"twice but for case", build_tar({file, {.name = "FILE", .contents = "y"}}), "differs"},
      {"file as folder", build_tar({file, {.name = "file/inner", .contents = "y"}}),
       "is a file in one place and a directory in another"},
  });
}

TEST_F(UploadsTest, ZipsThatLeadOut) {
  const auto named = [](const std::string& name) {
    return build_zip({{.name = name, .contents = "x"}});
  };
  const ZipItem link = {.name = "out", .contents = "/etc", .mode = kZipLink};
  expect_refused({
      {"..", named("../file"), R"(entry "../file": ".." would lead)"},
      {"absolute", named("/etc/passwd"), "the path is absolute"},
      {"backslash", named("..\\file"), "backslash"},
      {"drive", named("C:/file"), "drive"},
      {"link", build_zip({link, {.name = "out/passwd", .contents = "x"}}),
       "it is a link, a device or the like"},
      {"pipe", build_zip({{.name = "pipe", .mode = kZipPipe}}), "a device or the like"},
      {"device", build_zip({{.name = "disk", .mode = kZipDevice}}), "a device or the like"},
      {"names that differ",
       build_zip(
           {{.name = "good", .contents = "x", .local = [](ZipHeader& h) { h.name = "evil"; }}}),
       "good"},
      {"two entries of the same bytes",
       build_zip({{.name = "one", .contents = "x"},
                  {.name = "two",
                   .contents = "x",
                   .central = [](ZipHeader& h) { h.fields.offset = 0; }}}),
       "the archive is refused"},
  });
}

TEST_F(UploadsTest, NamesThatMeanSomethingElse) {
  std::string deep = "x";
  for (int i = 0; i < limits::kArchiveDepthMax; ++i) {
    deep = "d/" + deep;
  }
  const auto named = [](const std::string& name) {
    return build_zip({{.name = name, .contents = "x"}});
  };
  expect_refused({
      {"line end", named("a\nb"), R"(entry "a\x0ab")"},
      {"colours", named("\x1b[31m"), R"(entry "\x1b[31m")"},
      {"reordering", named("a\u202egpj.exe"), "reorders text"},
      {"no UTF-8", named("a\xff"), R"(entry "a\xff")"},
      {"zero byte", named(std::string("a\0b", 3)), "zero byte"},
      {"empty", named(""), "the name is empty"},
      {"a dot", named("a/./b"), R"("." is no name)"},
      {"long", named(std::string(256, 'n')), "archive_name_bytes_max is 255"},
      {"long path",
       build_tar({archive::testing::gnu_long_name(std::string(2'000, 'p')),
                  {.name = "file", .contents = "x"}}),
       "archive_path_bytes_max is 1024"},
      {"deep", named(deep), "archive_depth_max is 32"},
  });
}

TEST_F(UploadsTest, MoreThanItSeems) {
  const std::string zeros(24 * limits::kMiB, '\0');
  const std::string bomb = build_tar({{.name = "zeros", .contents = zeros}});
  ZipItem packed = {.name = "zeros", .contents = zeros, .method = archive::zip::kDeflated};
  std::vector<TarItem> many;
  for (std::int64_t i = 0; i <= limits::kArchiveEntriesMax; ++i) {
    many.push_back({.name = std::to_string(i)});
  }
  ZipItem lying = packed;
  lying.both = [](ZipHeader& h) { h.fields.bytes = 10; };
  expect_refused({
      {"gzip", gzipped(bomb), "archive_ratio_max is 200"},
      {"zstd", zstd_packed(bomb), "archive_ratio_max is 200"},
      {"zip", build_zip({packed}), "archive_ratio_max is 200"},
      {"zip that lies", build_zip({lying}), "zeros"},
      {"gzip in gzip", gzipped(gzipped(bomb)), "the archive is refused"},
      {"entries", gzipped(build_tar(many)), "archive_entries_max is 10000"},
      {"cut off", gzipped(bomb).substr(0, 2'000), "cut off"},
      {"nothing", "PK", "the archive is refused"},
  });
}

// Sound for the check, too much for the sandbox that it is unpacked in.
TEST_F(UploadsTest, MoreThanTheSandboxHas) {
  const std::string id = upload(
      build_tar({{.name = "big", .contents = std::string((kDiskMb + 4) * limits::kMiB, 'x')}}));
  const json::object ended = run({"/bin/true"}, {{"upload", id}});
  EXPECT_EQ(text(ended, "reason"), "sandbox_error") << json::serialize(ended);
  EXPECT_NE(text(ended, "message").find("space"), std::string::npos) << text(ended, "message");
  expect_as_before();
}

// Plain files with names that a shell or a runtime takes for something else.
TEST_F(UploadsTest, NamesThatAreTakenAreOnlyNames) {
  const std::string id = upload(build_tar({{.name = "-rf", .contents = "x"},
                                           {.name = "*", .contents = "x"},
                                           {.name = "$(reboot)", .contents = "x"},
                                           {.name = ".hearth-slot", .contents = "raise"},
                                           {.name = "json.py", .contents = "x = 'own'"},
                                           {.name = "node_modules/.keep", .contents = ""}}));
  expect_end({.name = "names",
              .command = {"/bin/sh", "-c", "ls -A; cat ./-rf './*'; stat -c '%u %a' .hearth-slot"},
              .output = "$(reboot)\n*\n-rf\n.hearth-slot\njson.py\nnode_modules\nxx1000 644\n",
              .more = {{"upload", id}}});
}

// A script's own file is its submitter's: an archive that has one of its name is not quietly
// preferred.
TEST_F(UploadsTest, AFileInTheScriptsPlace) {
  for (const std::string name : {"main.py", "main.py/inner"}) {
    const std::string id = upload(build_tar({{.name = name, .contents = "print('archive')"}}));
    const json::object ended = run(
        {}, {{"upload", id}, {"script", {{"language", "python"}, {"code", "print('script')"}}}});
    EXPECT_EQ(text(ended, "reason"), "sandbox_error") << json::serialize(ended);
    EXPECT_NE(text(ended, "message").find("main.py"), std::string::npos) << text(ended, "message");
  }
  expect_as_before();
}

// Whoever changes what the controller keeps, after it was looked through.
TEST_F(UploadsTest, AnArchiveThatIsAnotherNow) {
  const std::string sound = build_tar({{.name = "file", .contents = "sound"}});
  const std::string id = upload(sound);
  std::string path;
  for (const auto& [kept, bytes] : uploads_on_disk()) {
    path = bytes == sound ? kept : path;
  }
  ASSERT_NE(path, "");
  std::string hostile = build_tar({link_entry("file", "/etc/passwd")});
  hostile.resize(sound.size());
  std::ofstream(path, std::ios::binary) << hostile;
  const json::object ended = run({"/bin/cat", "file"}, {{"upload", id}, {"maxLost", 0}});
  EXPECT_EQ(text(ended, "reason"), "sandbox_error") << json::serialize(ended);
  EXPECT_EQ(output(text(ended, "id")), "");
  expect_as_before();
}

}  // namespace
}  // namespace hearth::attack
