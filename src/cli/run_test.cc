#include <fcntl.h>
#include <gtest/gtest.h>

#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/testing/one_job_server.h"

namespace hearth::cli {
namespace {

class AbsenceTest : public ::testing::Test {
 protected:
  const UniqueFd discard_{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
  testing::OneJobServer server_;
};

TEST_F(AbsenceTest, AtTheEndOfAJobDoesNotHideHowItEnded) {
  server_.absences = 2;
  auto session = server_.session(discard_);
  ASSERT_TRUE(session) << session.error().message;
  RunCommand command;
  command.job.command = {"false"};
  const Result<int> code = run_job(*session, command);
  ASSERT_TRUE(code) << code.error().message;
  EXPECT_EQ(*code, 3);
}

TEST_F(AbsenceTest, DoesNotEndTheWaitForManyJobs) {
  server_.absences = 2;
  auto session = server_.session(discard_);
  ASSERT_TRUE(session) << session.error().message;
  const Result<Tally> tally = Progress(*session, {"1"}).run();
  ASSERT_TRUE(tally) << tally.error().message;
  EXPECT_EQ(tally->ended, 1);
  EXPECT_EQ(tally->completed, 0);
}

}  // namespace
}  // namespace hearth::cli
