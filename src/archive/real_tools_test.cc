// Archives of the tools that people use, unpacked and compared with what was packed.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "archive/testing/judge.h"
#include "archive/testing/shell.h"
#include "base/files.h"
#include "base/testing/temp_dir.h"

namespace hearth::archive {
namespace {

using testing::folder;
using testing::program;
using testing::shell;
using testing::text;

class RealToolsTest : public ::testing::Test {
 protected:
  RealToolsTest() {
    std::string log;
    for (int i = 0; i < 20'000; ++i) {
      log += "line " + std::to_string(i * 7'919 % 10'007) + "\n";
    }
    const std::string deep = "src/" + std::string(120, 'd') + "/" + std::string(130, 'n') + ".c";
    expected_ = {{"README.md", text("# ü 中 😀\n")},
                 {"run.sh", program("#!/bin/sh\necho hello\n")},
                 {"empty", text("")},
                 {"none", folder()},
                 {"src", folder()},
                 {"src/" + std::string(120, 'd'), folder()},
                 {deep, text("int x;\n")},
                 {"src/größe ä.txt", text("umlauts\n")},
                 {"log.txt", text(log)}};
    for (const auto& [path, what] : expected_) {
      const std::string place = dir_.file("project/" + path);
      if (what == folder()) {
        std::filesystem::create_directories(place);
      } else {
        std::filesystem::create_directories(std::filesystem::path(place).parent_path());
        EXPECT_TRUE(write_file_atomically(place, what.substr(1), what[0] == 'x' ? 0755 : 0644));
      }
    }
  }

  // Runs `pack` in the project's folder; $A is where the archive has to be.
  void expect_taken(const std::string& pack, ArchiveFormat format, bool has_empty_folders = true) {
    const testing::ShellResult ran = shell("export LC_ALL=C.UTF-8 A=" + dir_.file("archive") +
                                           "; rm -f $A; cd " + dir_.file("project") + "; " + pack);
    ASSERT_EQ(ran.status, 0) << pack << "\n" << ran.output;
    const Result<std::string> archive = read_file(dir_.file("archive"), 64 << 20);
    ASSERT_TRUE(archive) << pack;
    testing::Tree expected = expected_;
    if (!has_empty_folders) {
      expected.erase("none");
    }
    EXPECT_TRUE(testing::is_taken(*archive, expected)) << pack;
    const Result<ArchiveSummary> verdict = testing::judge(*archive);
    EXPECT_TRUE(verdict && verdict->format == format) << pack;
  }

  const hearth::testing::TempDir dir_;
  testing::Tree expected_;
};

TEST_F(RealToolsTest, InfoZip) {
  const auto zip = ArchiveFormat::Zip;
  expect_taken("zip -qr $A .; mv $A.zip $A", zip);
  expect_taken("zip -qr0 $A .; mv $A.zip $A", zip);
  expect_taken("zip -qr9X $A .; mv $A.zip $A", zip);
  expect_taken("zip -qrD $A .; mv $A.zip $A", zip, false);
  // To a pipe, so that sizes follow the data; and with ZIP64 records where none are needed.
  expect_taken("zip -qr - . | cat > $A", zip);
  expect_taken("zip -qr -fz $A .; mv $A.zip $A", zip);
  // Changed afterwards.
  expect_taken("zip -qr $A . ; echo x > x; zip -q $A x; zip -qd $A x; rm x; mv $A.zip $A", zip);
}

TEST_F(RealToolsTest, PythonsZipfile) {
  const auto zip = ArchiveFormat::Zip;
  expect_taken("python3 -m zipfile -c $A * ", zip);
  expect_taken(
      "python3 -c 'import shutil, os; shutil.make_archive(os.environ[\"A\"], \"zip\", \".\")'"
      "; mv $A.zip $A",
      zip);
  const std::string walk =
      "import os, sys, zipfile\n"
      "def add(z, force):\n"
      "  for top, dirs, files in os.walk(\".\"):\n"
      "    for d in dirs: z.write(os.path.join(top, d))\n"
      "    for f in files:\n"
      "      p = os.path.join(top, f)\n"
      "      i = zipfile.ZipInfo.from_file(p, p[2:])\n"
      "      i.compress_type = zipfile.ZIP_DEFLATED\n"
      "      with z.open(i, \"w\", force_zip64=force) as to: to.write(open(p, \"rb\").read())\n";
  expect_taken(
      "python3 -c '" + walk + "with zipfile.ZipFile(os.environ[\"A\"], \"w\") as z: add(z, True)'",
      zip);
  expect_taken("python3 -c '" + walk +
                   "class Pipe:\n"
                   "  def write(self, b): return sys.stdout.buffer.write(b)\n"
                   "  def flush(self): sys.stdout.buffer.flush()\n"
                   "with zipfile.ZipFile(Pipe(), \"w\") as z: add(z, False)' > $A",
               zip);
}

TEST_F(RealToolsTest, Tar) {
  const auto tar = ArchiveFormat::Tar;
  expect_taken("tar -cf $A .", tar);
  expect_taken("tar -cf $A *", tar);
  for (const std::string format : {"gnu", "oldgnu", "pax", "posix"}) {
    expect_taken("tar --format=" + format + " -cf $A *", tar);
  }
  expect_taken("tar --format=pax --xattrs --acls -cf $A *", tar);
  expect_taken("tar -b 2048 -cf $A *", tar);
  expect_taken("tar --owner=0 --group=0 --numeric-owner --mtime=@0 --sort=name -cf $A .", tar);
}

TEST_F(RealToolsTest, PackedTar) {
  expect_taken("tar -czf $A .", ArchiveFormat::TarGzip);
  expect_taken("tar -c . | gzip -9n > $A", ArchiveFormat::TarGzip);
  expect_taken("tar -c . > ../t; (head -c 9000 ../t | gzip; tail -c +9001 ../t | gzip) > $A",
               ArchiveFormat::TarGzip);
  expect_taken("tar -c . | zstd -q > $A", ArchiveFormat::TarZstd);
  expect_taken("tar --zstd -cf $A .", ArchiveFormat::TarZstd);
  expect_taken("tar -c . > ../t; zstd -q -19 -T2 ../t -o $A", ArchiveFormat::TarZstd);
  expect_taken("tar -c . > ../t; zstd -q --fast=5 --no-check ../t -o $A", ArchiveFormat::TarZstd);
}

TEST_F(RealToolsTest, PythonsTarfile) {
  for (const std::string format : {"USTAR_FORMAT", "GNU_FORMAT", "PAX_FORMAT"}) {
    // USTAR has no room for the longest name.
    const std::string only = format == "USTAR_FORMAT" ? "if len(p) < 100" : "";
    const std::string made =
        "import os, tarfile\n"
        "t = tarfile.open(os.environ[\"A\"], \"w\", format=tarfile." +
        format +
        ")\n"
        "[t.add(p) for p in sorted(os.listdir(\".\")) " +
        only +
        "]\n"
        "t.close()";
    if (format == "USTAR_FORMAT") {
      ASSERT_EQ(shell("rm -r " + dir_.file("project/src")).status, 0);
      std::erase_if(expected_, [](const auto& row) { return row.first.starts_with("src"); });
    }
    expect_taken("python3 -c '" + made + "'", ArchiveFormat::Tar);
  }
  expect_taken(
      "python3 -c 'import shutil, os; shutil.make_archive(os.environ[\"A\"], \"gztar\")'"
      "; mv $A.tar.gz $A",
      ArchiveFormat::TarGzip);
}

TEST_F(RealToolsTest, LinksOfAToolAreRefused) {
  const auto archive_of = [this](const std::string& pack) {
    const testing::ShellResult ran =
        shell("export A=" + dir_.file("archive") + "; rm -f $A; cd " + dir_.file("project") +
              "; ln -sf /etc/passwd evil; ln -f run.sh twin; " + pack);
    EXPECT_EQ(ran.status, 0) << ran.output;
    return read_file(dir_.file("archive"), 64 << 20).value_or("");
  };
  EXPECT_TRUE(
      testing::is_refused(archive_of("tar -cf $A evil"), "entry \"evil\": it is a symbolic link"));
  EXPECT_TRUE(testing::is_refused(archive_of("tar -cf $A run.sh twin"),
                                  "entry \"twin\": it is a hard link"));
  EXPECT_TRUE(testing::is_refused(archive_of("zip -qry $A evil; mv $A.zip $A"),
                                  "entry \"evil\": it is a link, a device or the like"));
  EXPECT_TRUE(testing::is_refused(archive_of("truncate -s 1M hole; tar --sparse -cf $A hole"),
                                  "entry \"hole\": it is a sparse"));
  EXPECT_TRUE(testing::is_refused(
      archive_of("truncate -s 1M hole; tar --format=pax --sparse -cf $A hole"), "sparse file"));
  EXPECT_TRUE(testing::is_refused(archive_of("tar -Pcf $A /etc/hostname"), "absolute"));
  EXPECT_TRUE(testing::is_refused(archive_of("zip -qe -P secret $A run.sh; mv $A.zip $A"),
                                  "it is encrypted"));
  EXPECT_TRUE(testing::is_refused(archive_of("zip -q $A run.sh; cat /bin/true $A.zip > $A"),
                                  "its format is not known"));
  EXPECT_TRUE(testing::is_refused(archive_of("zip -q -Z bzip2 $A run.sh log.txt; mv $A.zip $A"),
                                  "its method 12 is not known"));
  EXPECT_TRUE(testing::is_over(archive_of("tar -c . | zstd -q --ultra -22 --long=27 > $A"),
                               "archive_zstd_window_bytes_max",
                               limits::kArchiveZstdWindowBytesMax));
}

}  // namespace
}  // namespace hearth::archive
