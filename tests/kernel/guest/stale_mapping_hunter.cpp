// Threads write without pause while others unmap, fork and truncate below them; another process takes
// the freed frames and checks that nobody writes to them. A mapping that outlived its revocation shows
// as a broken canary or as a fresh page that is not zero.
//
// usage: stale_mapping_hunter [SECONDS [SECONDS IN THE LONG TESTS]]
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

namespace {

constexpr size_t page = 4096;
constexpr size_t region_pages = 64;
constexpr size_t region_bytes = region_pages * page;
constexpr int regions = 6;
constexpr unsigned char written = 0xa5;  // what the writers store
constexpr unsigned char canary = 0x3c;   // what the other process stores

volatile unsigned char* volatile place[regions];
std::atomic<bool> stop{false};
thread_local sigjmp_buf escape;

void on_fault(int) { siglongjmp(escape, 1); }

double now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

void writer(unsigned seed) {
  volatile unsigned next = seed;
  while (!stop) {
    // A fault is expected: the page went away. What matters is where a store that succeeds lands.
    if (sigsetjmp(escape, 1) != 0) continue;
    for (int i = 0; i < 2000 && !stop; ++i) {
      next = next * 1103515245u + 12345u;
      volatile unsigned char* p = place[(next >> 16) % regions];
      if (p != nullptr) p[(next >> 8) % region_bytes] = written;
    }
  }
}

void* map_anonymous(void* at, int flags) {
  return mmap(at, region_bytes, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);
}

// Regions 0-1: private anonymous, unmapped and mapped again. 2-3: shared anonymous. 4-5: a file that
// is truncated and grown.
void mapper(int file, double seconds) {
  double end = now() + seconds;
  unsigned round = 0;
  while (now() < end) {
    ++round;
    for (int i = 0; i < 4; ++i) {
      void* old = const_cast<unsigned char*>(place[i]);
      if (old != nullptr && round % 3 == 0) {
        munmap(old, region_bytes);
        place[i] =
            static_cast<unsigned char*>(map_anonymous(old, MAP_FIXED | (i < 2 ? MAP_PRIVATE : MAP_SHARED)));
      } else if (old != nullptr && round % 3 == 1) {
        madvise(old, region_bytes, MADV_DONTNEED);
      } else if (old != nullptr) {
        mprotect(old, region_bytes, PROT_READ);
        mprotect(old, region_bytes, PROT_READ | PROT_WRITE);
      }
    }
    if (ftruncate(file, 0) != 0 || ftruncate(file, region_bytes) != 0) abort();
    // Half of the children write while the parent goes on, and end on their own or are killed meanwhile.
    pid_t child = fork();
    if (child == 0) {
      for (int pass = 0; pass < 20; ++pass)
        for (int i = 0; i < 4; ++i)
          for (size_t at = 0; place[i] != nullptr && at < region_bytes; at += page)
            if (sigsetjmp(escape, 1) == 0) place[i][at] = written;
      _exit(0);
    }
    if (child <= 0) continue;
    if (round % 4 == 0) kill(child, SIGKILL);
    if (round % 2 == 0) waitpid(child, nullptr, 0);
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    if (round % 5 == 0) {
      void* moved = mremap(const_cast<unsigned char*>(place[0]), region_bytes, region_bytes, MREMAP_MAYMOVE);
      if (moved != MAP_FAILED) place[0] = static_cast<unsigned char*>(moved);
    }
    if (round % 7 == 0) {
      madvise(const_cast<unsigned char*>(place[2]), region_bytes, MADV_REMOVE);
      mprotect(const_cast<unsigned char*>(place[1]) + page, region_bytes / 2, PROT_NONE);
      mprotect(const_cast<unsigned char*>(place[1]), region_bytes, PROT_READ | PROT_WRITE);
    }
  }
}

// The other process: fresh pages must be zero, canaries must stay.
int guard(double seconds) {
  double end = now() + seconds;
  unsigned long rounds = 0;
  while (now() < end) {
    constexpr size_t bytes = 96 * page;
    unsigned char* p = static_cast<unsigned char*>(
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (p == MAP_FAILED) return 3;
    for (size_t i = 0; i < bytes; ++i)
      if (p[i] != 0) {
        printf("a fresh page holds %#x at %zu\n", p[i], i);
        return 1;
      }
    memset(p, canary, bytes);
    for (int pass = 0; pass < 4; ++pass) {
      usleep(500);
      for (size_t i = 0; i < bytes; ++i)
        if (p[i] != canary) {
          printf("canary holds %#x at %zu\n", p[i], i);
          return 1;
        }
    }
    munmap(p, bytes);
    ++rounds;
  }
  return rounds > 0 ? 0 : 2;
}

}  // namespace

int main(int argc, char** argv) {
  const char* long_tests = getenv("QUIRE_LONG_TESTS");
  double seconds = argc > 1 ? atof(argv[1]) : 5;
  if (argc > 2 && long_tests != nullptr) seconds = atof(argv[2]);
  struct sigaction act = {};
  act.sa_handler = on_fault;
  act.sa_flags = SA_NODEFER;
  sigaction(SIGSEGV, &act, nullptr);
  sigaction(SIGBUS, &act, nullptr);

  pid_t other = fork();
  if (other == 0) _exit(guard(seconds));

  int file = memfd_create("hunter", 0);
  if (file < 0 || ftruncate(file, region_bytes) != 0) return 4;
  for (int i = 0; i < 4; ++i)
    place[i] = static_cast<unsigned char*>(map_anonymous(nullptr, i < 2 ? MAP_PRIVATE : MAP_SHARED));
  for (int i = 4; i < regions; ++i)
    place[i] =
        static_cast<unsigned char*>(mmap(nullptr, region_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
  std::vector<std::thread> writers;
  for (unsigned i = 0; i < 3; ++i) writers.emplace_back(writer, i * 7919 + 1);
  mapper(file, seconds);
  stop = true;
  for (std::thread& t : writers) t.join();
  int status = 0;
  waitpid(other, &status, 0);
  while (waitpid(-1, nullptr, 0) > 0) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    printf("the guard failed: %#x\n", status);
    return 1;
  }
  printf("clean\n");
  return 0;
}
