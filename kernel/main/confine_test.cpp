#include "kernel/main/confine.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <thread>

namespace quire::confine {
namespace {

/// Confinement is for life, so each test has it in a child; true if all it checks holds there.
bool in_child(const std::function<bool()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body() ? 0 : 1);
  int status = -1;
  return waitpid(child, &status, 0) == child && status == 0;
}

bool fails(long result, int error) { return result < 0 && errno == error; }

TEST(LandlockRules, HandleWhatEachVersionKnows) {
  const u64 version_1 = (u64{1} << 13) - 1;
  EXPECT_EQ(landlock_rules(1, false).files, version_1);
  EXPECT_EQ(landlock_rules(1, false).network, 0u);
  EXPECT_EQ(landlock_rules(2, false).files, version_1 | u64{1} << 13);
  EXPECT_EQ(landlock_rules(3, false).files, version_1 | u64{3} << 13);
  EXPECT_EQ(landlock_rules(4, false).network, 3u);
  EXPECT_EQ(landlock_rules(4, true).network, 0u);
  EXPECT_EQ(landlock_rules(5, true).files, version_1 | u64{7} << 13);
  EXPECT_EQ(landlock_rules(5, true).scoped, 0u);
  EXPECT_EQ(landlock_rules(6, true).scoped, 3u);
  for (long abi = 1; abi < 10; ++abi) {
    const u64 handled = landlock_rules(abi, false).files;
    EXPECT_EQ(landlock_rights(abi, true) & ~handled, 0u) << "a right that is not handled cannot be given";
    EXPECT_EQ(landlock_rights(abi, false) & ~landlock_rights(abi, true), 0u);
    // Devices are never made, nor programs run: LANDLOCK_ACCESS_FS_{EXECUTE,MAKE_CHAR,MAKE_BLOCK}.
    EXPECT_EQ(landlock_rights(abi, true) & (1u << 0 | 1u << 6 | 1u << 11), 0u);
  }
}

struct Tree : ::testing::Test {
  void SetUp() override {
    ASSERT_NE(mkdtemp(base.data()), nullptr);
    for (const char* d : {"/in", "/out", "/rw"}) ASSERT_EQ(mkdir((base + d).c_str(), 0755), 0);
    for (const char* f : {"/in/f", "/out/f", "/rw/f"})
      close(open((base + f).c_str(), O_CREAT | O_RDWR, 0644));
  }
  void TearDown() override { ASSERT_EQ(std::system(("rm -r " + base).c_str()), 0); }
  int path(const char* p) const { return open((base + p).c_str(), O_PATH | O_CLOEXEC); }
  std::string base = "/tmp/confine-test-XXXXXX";
};

TEST_F(Tree, OnlyWhatWasHandedOver) {
  const long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, 1);
  if (abi < 1) GTEST_SKIP() << "no Landlock on this host";
  EXPECT_TRUE(in_child([&] {
    FileAccess access{{path("/in")}, {path("/rw")}};
    if (!drop_capabilities(0)) return false;
    if (auto got = restrict_files(access); !got || *got != abi) return false;
    auto at = [&](const char* p) { return base + p; };
    return open(at("/in/f").c_str(), O_RDONLY) >= 0 && fails(open(at("/in/f").c_str(), O_RDWR), EACCES) &&
           fails(open(at("/out/f").c_str(), O_RDONLY), EACCES) &&
           fails(open("/etc/passwd", O_RDONLY), EACCES) && open(at("/rw/f").c_str(), O_RDWR) >= 0 &&
           mkdir(at("/rw/d").c_str(), 0700) == 0 && mknod(at("/rw/fifo").c_str(), S_IFIFO | 0600, 0) == 0 &&
           mknod(at("/rw/socket").c_str(), S_IFSOCK | 0600, 0) == 0 &&
           mknod(at("/rw/device").c_str(), S_IFCHR | 0600, 0x103) != 0 &&
           fails(mkdir(at("/in/d").c_str(), 0700), EACCES) &&
           fails(rename(at("/rw/f").c_str(), at("/out/g").c_str()), EACCES) &&
           fails(execl("/bin/true", "true", nullptr), EACCES);
  }));
}

TEST(Calls, WhatIsNotListedFails) {
  EXPECT_TRUE(in_child([] {
    if (!drop_capabilities(0) || !restrict_calls(false, false)) return false;
    bool thread_ran = false;
    std::thread([&] { thread_ran = true; }).join();
    return thread_ran && fails(socket(AF_UNIX, SOCK_STREAM, 0), EPERM) &&
           fails(socket(AF_INET, SOCK_STREAM, 0), EPERM) && fails(fork(), EPERM) &&
           fails(syscall(SYS_ptrace, 0, 0, 0, 0), EPERM) && fails(syscall(SYS_bpf, 0, 0, 0), EPERM) &&
           fails(syscall(SYS_unshare, 0x10000000), EPERM) &&
           fails(syscall(SYS_sched_setattr, 0, nullptr, 0), EINVAL) &&  // itself it may
           fails(syscall(SYS_sched_setattr, getppid(), nullptr, 0), EPERM) &&
           fails(mkdirat(AT_FDCWD, "/tmp/never", 0700), EPERM) &&
           fails(syscall(SYS_mount, "", "/", "", 0, ""), EPERM) &&
           fails(execl("/bin/true", "true", nullptr), EPERM) &&
           fails(syscall(SYS_io_uring_setup, 1, nullptr), EPERM) && getpid() > 0;
  }));
}

TEST(Calls, NetworkMeansTheInternet) {
  EXPECT_TRUE(in_child([] {
    if (!drop_capabilities(0) || !restrict_calls(true, false)) return false;
    return socket(AF_INET, SOCK_DGRAM, 0) >= 0 && fails(socket(AF_UNIX, SOCK_STREAM, 0), EPERM) &&
           fails(socket(AF_NETLINK, SOCK_RAW, 0), EPERM) && fails(socket(AF_PACKET, SOCK_RAW, 0), EPERM);
  }));
}

TEST(Capabilities, OnlyTheListedOnesAreKept) {
  if (geteuid() != 0) {
    EXPECT_EQ(kept_capabilities(true), 0u);
    return;
  }
  EXPECT_EQ(kept_capabilities(false), u64{1} << CAP_DAC_READ_SEARCH);
  EXPECT_TRUE(in_child([] {
    if (!drop_capabilities(kept_capabilities(false))) return false;
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) != 0) return false;
    return data[0].effective == 1u << CAP_DAC_READ_SEARCH && data[1].effective == 0 &&
           data[0].inheritable == 0;
  }));
}

}  // namespace
}  // namespace quire::confine
