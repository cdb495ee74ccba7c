// Threads, futexes, robust mutexes, condition variables, barriers, thread-local storage, exits of the
// first thread, exec from another thread.
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

int main() {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  {
    std::mutex m;
    long count = 0;
    std::vector<std::thread> t;
    for (int i = 0; i < 8; ++i)
      t.emplace_back([&] {
        for (int k = 0; k < 20000; ++k) {
          std::lock_guard g(m);
          ++count;
        }
      });
    for (auto& x : t) x.join();
    printf("mutex: %ld\n", count);
  }
  {
    std::mutex m;
    std::condition_variable cv;
    int turn = 0;
    auto play = [&](int me) {
      for (int i = 0; i < 2000; ++i) {
        std::unique_lock g(m);
        cv.wait(g, [&] { return turn % 2 == me; });
        ++turn;
        cv.notify_all();
      }
    };
    std::thread a(play, 0), b(play, 1);
    a.join();
    b.join();
    printf("condition: %d\n", turn);
    std::unique_lock g(m);
    printf("timeout: %d\n", cv.wait_for(g, std::chrono::milliseconds(20)) == std::cv_status::timeout);
  }
  {
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, nullptr, 4);
    std::atomic<int> serial{0};
    std::vector<std::thread> t;
    for (int i = 0; i < 4; ++i)
      t.emplace_back([&] {
        for (int k = 0; k < 200; ++k)
          if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) ++serial;
      });
    for (auto& x : t) x.join();
    printf("barrier: %d\n", serial.load());
  }
  {
    static thread_local int mine = 5;
    int seen[4];
    std::vector<std::thread> t;
    for (int i = 0; i < 4; ++i)
      t.emplace_back([&, i] {
        mine += i;
        seen[i] = mine;
      });
    for (auto& x : t) x.join();
    printf("tls: %d %d %d %d, here %d\n", seen[0], seen[1], seen[2], seen[3], mine);
  }
  {
    // Between processes, and the owner dies.
    auto* m = static_cast<pthread_mutex_t*>(
        mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    auto* s = reinterpret_cast<sem_t*>(m + 1);
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(m, &attr);
    sem_init(s, 1, 0);
    pid_t child = fork();
    if (child == 0) {
      pthread_mutex_lock(m);
      sem_post(s);
      usleep(20000);
      _exit(0);
    }
    sem_wait(s);
    int r = pthread_mutex_lock(m);
    printf("robust: %s\n", strerrorname_np(r));
    pthread_mutex_consistent(m);
    pthread_mutex_unlock(m);
    waitpid(child, nullptr, 0);
  }
  {
    std::atomic<int> live{0};
    for (int round = 0; round < 50; ++round) {
      std::vector<std::thread> t;
      for (int i = 0; i < 4; ++i) t.emplace_back([&] { ++live; });
      for (auto& x : t) x.join();
    }
    printf("created: %d\n", live.load());
  }
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    // The first thread goes; the process lives on until the other exits with 7.
    static pthread_t t;
    pthread_create(
        &t, nullptr,
        [](void*) -> void* {
          usleep(30000);
          _exit(7);
        },
        nullptr);
    syscall(SYS_exit, 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  printf("first thread left: %d\n", WEXITSTATUS(status));
  child = fork();
  if (child == 0) {
    static pthread_t t;
    pthread_create(
        &t, nullptr,
        [](void*) -> void* {
          execl("/bin/sh", "sh", "-c", "exit 9", nullptr);
          return nullptr;
        },
        nullptr);
    for (;;) pause();
  }
  waitpid(child, &status, 0);
  printf("exec from a thread: %d\n", WEXITSTATUS(status));
  child = fork();
  if (child == 0) {
    std::vector<std::thread> t;
    for (int i = 0; i < 6; ++i)
      t.emplace_back([i] {
        for (;;) {
          if (i % 2 == 0) pause();
        }
      });
    usleep(20000);
    _exit(3);
  }
  waitpid(child, &status, 0);
  printf("exit with spinning threads: %d\n", WEXITSTATUS(status));
  return 0;
}
