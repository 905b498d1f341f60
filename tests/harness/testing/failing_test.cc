// Tests that fail, or end in other ways, on purpose: scratch_test.cc runs this program and looks at
// what is left of them. No part of any suite.
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>

#include "tests/harness/program.h"
#include "tests/harness/scratch.h"

namespace hearth::harness {
namespace {

class OnPurposeTest : public ::testing::Test {
 protected:
  void talk() {
    Program(scratch_.path(), {"sh", "-c", "echo to stdout; echo to stderr >&2"}, {}).wait();
    std::ofstream(scratch_.path("data")) << "much";
  }

  Scratch scratch_;
};

TEST_F(OnPurposeTest, Passes) {
  talk();
}

TEST_F(OnPurposeTest, Fails) {
  talk();
  FAIL() << "on purpose";
}

TEST_F(OnPurposeTest, FailsInSilence) {
  Program(scratch_.path(), {"true"}, {}).wait();
  FAIL() << "on purpose";
}

TEST_F(OnPurposeTest, Crashes) {
  talk();
  ::raise(SIGKILL);
}

}  // namespace
}  // namespace hearth::harness
