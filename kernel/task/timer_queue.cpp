#include "kernel/task/timer_queue.h"

#include <signal.h>

#include <utility>

namespace quire::task {

TimerQueue::~TimerQueue() {
  {
    LockGuard guard(lock_);
    closing_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

TimerQueue::Id TimerQueue::add(vfs::Clock::time_point deadline, std::function<void()> fire) {
  LockGuard guard(lock_);
  const Id id = next_++;
  timers_.emplace(Key{deadline, id}, std::move(fire));
  by_id_.emplace(id, deadline);
  if (!thread_.joinable()) {
    sigset_t all, old;
    sigfillset(&all);
    for (int s : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGABRT}) sigdelset(&all, s);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    thread_ = std::thread([this] { serve(); });
    pthread_sigmask(SIG_SETMASK, &old, nullptr);
  } else if (timers_.begin()->first.second == id) {
    changed_.notify_one();
  }
  return id;
}

bool TimerQueue::cancel(Id id) {
  LockGuard guard(lock_);
  auto it = by_id_.find(id);
  if (it == by_id_.end()) return false;
  timers_.erase(Key{it->second, id});
  by_id_.erase(it);
  return true;
}

void TimerQueue::serve() {
  LockGuard guard(lock_);
  while (!closing_) {
    if (timers_.empty()) {
      changed_.wait(lock_);
      continue;
    }
    const vfs::Clock::time_point first = timers_.begin()->first.first;
    if (vfs::Clock::now() < first) {
      changed_.wait_until(lock_, first);
      continue;
    }
    std::function<void()> fire = std::move(timers_.begin()->second);
    by_id_.erase(timers_.begin()->first.second);
    timers_.erase(timers_.begin());
    guard.unlock();
    fire();
    fire = nullptr;
    guard.lock();
  }
}

}  // namespace quire::task
