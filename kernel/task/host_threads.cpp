#include "kernel/task/host_threads.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <memory>
#include <utility>

namespace quire::task {

namespace {

constexpr std::size_t stack_bytes = 512 * 1024;

}  // namespace

Result<> start_host_thread(void* (*body)(void*), void* given, bool elsewhere) {
  sigset_t all, old;
  sigfillset(&all);
  for (int s : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGABRT}) sigdelset(&all, s);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, stack_bytes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  if (cpu_set_t others; elsewhere && abi::other_cpus(others))
    pthread_attr_setaffinity_np(&attributes, sizeof others, &others);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  pthread_t thread;
  const int error = pthread_create(&thread, &attributes, body, given);
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  pthread_attr_destroy(&attributes);
  if (error != 0) return err(EAGAIN);
  return {};
}

HostThreads::~HostThreads() {
  LockGuard guard(lock_);
  closing_ = true;
  for (Worker* w : idle_) w->work.notify_one();
  while (threads_ != 0) gone_.wait(lock_);
}

Result<> HostThreads::run(std::function<void()> job, Place place) {
  LockGuard guard(lock_);
  if (!idle_.empty()) {
    Worker* worker = idle_.back();
    idle_.pop_back();
    worker->job = std::move(job);
    worker->called = true;
    if (place == Place::beside)
      worker->place.pull();
    else
      worker->place.push();
    worker->work.notify_one();
    return {};
  }
  return start(std::move(job), place);
}

void HostThreads::keep_ready() {
  LockGuard guard(lock_);
  if (idle_.empty() && !closing_) (void)start([] {}, Place::elsewhere);
}

Result<> HostThreads::start(std::function<void()> job, Place place) {
  struct Start {
    HostThreads* threads;
    std::function<void()> job;
  };
  auto start = std::make_unique<Start>(Start{this, std::move(job)});
  TRY_VOID(start_host_thread(
      [](void* given) -> void* {
        std::unique_ptr<Start> own(static_cast<Start*>(given));
        HostThreads* threads = own->threads;
        std::function<void()> first = std::move(own->job);
        own.reset();
        threads->serve(std::move(first));
        return nullptr;
      },
      start.get(), place == Place::elsewhere));
  (void)start.release();
  ++threads_;
  return {};
}

void HostThreads::serve(std::function<void()> job) {
  Worker self{.place = abi::ThreadPlace::current(), .work = {}, .job = {}, .called = false};
  for (;;) {
    job();
    job = nullptr;  // drops what it holds before the next one is waited for
    // Whoever forks has more to do than the child, which comes to run when he sleeps.
    const abi::Patient patient(true);
    LockGuard guard(lock_);
    if (!closing_ && idle_.size() < max_idle) {
      idle_.push_back(&self);
      while (!self.called && !closing_) self.work.wait(lock_);
    }
    if (!self.called) {
      std::erase(idle_, &self);
      --threads_;
      // The notifier's unlock is the last touch of *this by this thread.
      if (threads_ == 0) gone_.notify_all();
      return;
    }
    self.called = false;
    job = std::move(self.job);
  }
}

}  // namespace quire::task
