#include "kernel/task/host_threads.h"

#include <pthread.h>
#include <signal.h>

#include <utility>

namespace quire::task {

HostThreads::~HostThreads() {
  LockGuard guard(lock_);
  closing_ = true;
  work_.notify_all();
  while (threads_ != 0) gone_.wait(lock_);
}

Result<> HostThreads::run(std::function<void()> job) {
  LockGuard guard(lock_);
  if (idle_ > jobs_.size()) {
    jobs_.push_back(std::move(job));
    work_.notify_one();
    return {};
  }
  jobs_.push_back(std::move(job));
  // Signals sent to Quire are for its main thread; synchronous ones stay open for the platform.
  sigset_t all, old;
  sigfillset(&all);
  for (int s : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGABRT}) sigdelset(&all, s);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, stack_bytes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  pthread_t thread;
  const int error = pthread_create(
      &thread, &attributes,
      [](void* self) -> void* {
        static_cast<HostThreads*>(self)->serve();
        return nullptr;
      },
      this);
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  pthread_attr_destroy(&attributes);
  if (error != 0) {
    jobs_.pop_back();
    return err(EAGAIN);
  }
  ++threads_;
  return {};
}

void HostThreads::serve() {
  LockGuard guard(lock_);
  for (;;) {
    if (!jobs_.empty()) {
      std::function<void()> job = std::move(jobs_.front());
      jobs_.pop_front();
      guard.unlock();
      job();
      job = nullptr;  // drops what it holds before the next one is waited for
      guard.lock();
      continue;
    }
    if (closing_ || idle_ >= max_idle) break;
    ++idle_;
    work_.wait(lock_);
    --idle_;
  }
  --threads_;
  // The notifier's unlock is the last touch of *this by this thread.
  if (threads_ == 0) gone_.notify_all();
}

}  // namespace quire::task
