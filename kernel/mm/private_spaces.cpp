#include "kernel/mm/private_spaces.h"

#include <chrono>

#include "kernel/mm/space_impl.h"

namespace quire::mm {
namespace {

// Sharers also leave without an end: by unmapping, or by copying all they share.
constexpr std::chrono::milliseconds retry(200);
// While pages are being written, dense runs are looked for.
constexpr std::chrono::milliseconds look_again(20);

}  // namespace

void PrivateSpaces::join(AddressSpaceImpl* space) {
  LockGuard guard(lock_);
  spaces_.insert(space);
  any_ = true;
  if (copy_home_ && !stopping() && !thread_.joinable())
    thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

void PrivateSpaces::leave(AddressSpaceImpl* space) {
  if (!any_) return;
  LockGuard guard(lock_);
  spaces_.erase(space);
  any_ = !spaces_.empty();
}

void PrivateSpaces::wake() {
  if (!any_) return;
  {
    std::lock_guard guard(wake_mutex_);
    ++wakes_;
  }
  wake_.notify_all();
}

std::vector<Ref<AddressSpaceImpl>> PrivateSpaces::all() const {
  std::vector<Ref<AddressSpaceImpl>> found;
  LockGuard guard(lock_);
  for (AddressSpaceImpl* s : spaces_)
    if (s->try_ref()) found.push_back(Ref<AddressSpaceImpl>::adopt(s));
  return found;
}

u64 PrivateSpaces::bytes() const {
  if (!any_) return 0;
  u64 n = 0;
  for (const auto& s : all()) n += s->stub_bytes();
  return n;
}

void PrivateSpaces::stop() {
  std::jthread thread;
  {
    LockGuard guard(lock_);
    stopping_ = true;
    thread = std::move(thread_);
  }
  // Asked to stop and waited for.
}

void PrivateSpaces::wait_idle() {
  std::unique_lock guard(wake_mutex_);
  wake_.wait(guard, [&] { return !working_; });
}

void PrivateSpaces::work(const std::stop_token& stop) {
  u64 seen = 0;
  std::unique_lock guard(wake_mutex_);
  while (!stop.stop_requested()) {
    working_ = true;
    guard.unlock();
    bool left = false;
    bool written = false;
    for (const auto& s : all()) {
      left |= s->copy_home();
      written |= s->settle_dense();
    }
    if (!written) stirred_ = false;
    guard.lock();
    working_ = false;
    wake_.notify_all();
    // Whoever begins to write while this goes to sleep is heard: after one more look, or by his wake().
    if (!left && stirred_.exchange(false)) continue;
    auto woken = [&] { return wakes_ != seen; };
    if (left)
      wake_.wait_for(guard, stop, written ? look_again : retry, woken);
    else
      wake_.wait(guard, stop, woken);
    seen = wakes_;
  }
}

}  // namespace quire::mm
