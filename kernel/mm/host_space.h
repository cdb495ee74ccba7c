// An address space of the host, driven from a test: a child process that carries out mmap and the like
// and reads and writes its own memory on request. What kernel/mm does is compared with it.
#pragma once

#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "kernel/abi/types.h"

namespace quire::mm::test {

class HostSpaces {
 public:
  static constexpr unsigned most = 16;

  explicit HostSpaces(std::vector<int> files) : files_(std::move(files)) {
    channels_ = static_cast<Channel*>(
        mmap(nullptr, sizeof(Channel) * most, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    for (unsigned i = 0; i < most; ++i) {
      sem_init(&channels_[i].request, 1, 0);
      sem_init(&channels_[i].reply, 1, 0);
    }
  }
  ~HostSpaces() {
    for (unsigned i = 0; i < most; ++i) stop(i);
    munmap(channels_, sizeof(Channel) * most);
  }
  HostSpaces(const HostSpaces&) = delete;
  HostSpaces& operator=(const HostSpaces&) = delete;

  struct Outcome {
    int error = 0;
    u64 value = 0;
  };

  void start(unsigned i) {
    const pid_t pid = ::fork();
    if (pid == 0) serve(i);
    channels_[i].pid = pid;  // shared: the child must not write it
  }
  void stop(unsigned i) {
    if (channels_[i].pid == 0) return;
    kill(channels_[i].pid, SIGKILL);
    waitpid(channels_[i].pid, nullptr, 0);
    channels_[i].pid = 0;
    sem_init(&channels_[i].request, 1, 0);
    sem_init(&channels_[i].reply, 1, 0);
  }
  /// Makes space `to` a fork of `i`.
  Outcome fork(unsigned i, unsigned to) { return call(i, {Op::fork, {to}}); }
  Outcome map(unsigned i, u64 at, u64 length, int prot, int flags, int file, u64 offset) {
    return call(
        i, {Op::map,
            {at, length, static_cast<u64>(prot), static_cast<u64>(flags), static_cast<u64>(file), offset}});
  }
  Outcome unmap(unsigned i, u64 at, u64 length) { return call(i, {Op::unmap, {at, length}}); }
  Outcome protect(unsigned i, u64 at, u64 length, int prot) {
    return call(i, {Op::protect, {at, length, static_cast<u64>(prot)}});
  }
  Outcome remap(unsigned i, u64 at, u64 old_length, u64 length, int flags, u64 to) {
    return call(i, {Op::remap, {at, old_length, length, static_cast<u64>(flags), to}});
  }
  Outcome advise(unsigned i, u64 at, u64 length, int advice) {
    return call(i, {Op::advise, {at, length, static_cast<u64>(advice)}});
  }
  /// At most a page.
  Outcome write(unsigned i, u64 at, std::span<const std::byte> from) {
    std::memcpy(channels_[i].data, from.data(), from.size());
    return call(i, {Op::write, {at, from.size()}});
  }
  Outcome read(unsigned i, u64 at, std::span<std::byte> to) {
    const Outcome o = call(i, {Op::read, {at, to.size()}});
    std::memcpy(to.data(), channels_[i].data, to.size());
    return o;
  }

  /// What is mapped in [begin, end): ranges with rights, neighbours that are alike merged.
  struct Area {
    u64 begin, end;
    std::string rights;  // as in /proc/PID/maps: rwxs
    friend bool operator==(const Area&, const Area&) = default;
  };
  static void append(std::vector<Area>& all, Area a) {
    if (!all.empty() && all.back().end == a.begin && all.back().rights == a.rights)
      all.back().end = a.end;
    else
      all.push_back(std::move(a));
  }
  std::vector<Area> areas(unsigned i, u64 begin, u64 end, bool merge = true) const {
    std::vector<Area> all;
    std::ifstream maps("/proc/" + std::to_string(channels_[i].pid) + "/maps");
    for (std::string line; std::getline(maps, line);) {
      Area a{};
      char rights[8] = "";
      if (std::sscanf(line.c_str(), "%lx-%lx %7s", &a.begin, &a.end, rights) != 3) continue;
      if (a.begin < begin || a.end > end) continue;
      a.rights = rights;
      if (merge)
        append(all, std::move(a));
      else
        all.push_back(std::move(a));
    }
    return all;
  }

 private:
  enum class Op : u8 { map, unmap, protect, remap, advise, read, write, fork };
  struct Request {
    Op op;
    u64 a[6];
  };
  struct Channel {
    sem_t request, reply;
    pid_t pid;
    Request asked;
    Outcome outcome;
    std::byte data[page_size];
  };

  Outcome call(unsigned i, const Request& r) {
    Channel& c = channels_[i];
    c.asked = r;
    sem_post(&c.request);
    while (sem_wait(&c.reply) != 0) {
    }
    return c.outcome;
  }

  [[noreturn]] void serve(unsigned i) {
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
      Channel& c = channels_[i];
      for (timespec deadline;;) {
        clock_gettime(CLOCK_REALTIME, &deadline);
        deadline.tv_sec += 2;
        if (sem_timedwait(&c.request, &deadline) == 0) break;
        if (kill(test_, 0) != 0) _exit(0);  // the test is gone
      }
      const Request asked = c.asked;
      const u64* a = asked.a;
      auto ptr = [](u64 v) { return reinterpret_cast<void*>(v); };
      errno = 0;
      u64 value = 0;
      bool failed = false;
      switch (asked.op) {
        case Op::map: {
          const int fd = static_cast<int>(a[4]) < 0 ? -1 : files_[a[4]];
          void* p = mmap(ptr(a[0]), a[1], static_cast<int>(a[2]), static_cast<int>(a[3]), fd,
                         static_cast<off_t>(a[5]));
          failed = p == MAP_FAILED;
          value = reinterpret_cast<u64>(p);
          break;
        }
        case Op::unmap:
          failed = munmap(ptr(a[0]), a[1]) != 0;
          break;
        case Op::protect:
          failed = mprotect(ptr(a[0]), a[1], static_cast<int>(a[2])) != 0;
          break;
        case Op::remap: {
          void* p = mremap(ptr(a[0]), a[1], a[2], static_cast<int>(a[3]), ptr(a[4]));
          failed = p == MAP_FAILED;
          value = reinterpret_cast<u64>(p);
          break;
        }
        case Op::advise:
          failed = madvise(ptr(a[0]), a[1], static_cast<int>(a[2])) != 0;
          break;
        case Op::read:
        case Op::write: {
          const iovec here{c.data, a[1]};
          const iovec there{ptr(a[0]), a[1]};
          const ssize_t n = asked.op == Op::read ? process_vm_readv(getpid(), &here, 1, &there, 1, 0)
                                                 : process_vm_writev(getpid(), &here, 1, &there, 1, 0);
          failed = n != static_cast<ssize_t>(a[1]);
          if (failed && n >= 0) errno = EFAULT;
          break;
        }
        case Op::fork: {
          const pid_t pid = ::fork();
          if (pid == 0) serve(static_cast<unsigned>(a[0]));
          channels_[a[0]].pid = pid;
          failed = pid < 0;
          break;
        }
      }
      c.outcome = {failed ? errno : 0, value};
      sem_post(&c.reply);
    }
  }

  const pid_t test_ = getpid();
  std::vector<int> files_;
  Channel* channels_;
};

}  // namespace quire::mm::test
