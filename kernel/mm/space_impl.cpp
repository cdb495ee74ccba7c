#include "kernel/mm/space_impl.h"

#include <algorithm>

namespace quire::mm {

Result<Ref<AddressSpace>> AddressSpace::create(MemoryManager& mm, bool bare) {
  auto& manager = static_cast<ManagerImpl&>(mm);
  auto space = TRY(manager.platform().create_space());
  if (bare) space->set_bare();
  return Ref<AddressSpace>(make_ref<AddressSpaceImpl>(manager, std::move(space)));
}

AddressSpaceImpl::AddressSpaceImpl(ManagerImpl& manager, std::unique_ptr<platform::Space> space)
    : manager_(manager),
      space_(std::move(space)),
      lock_(manager.policy().lock, manager.counters.lock_wait_ns),
      tables_(manager.pool(), manager.tables()) {
  mmap_base_ = limit();
  manager_.join(this);
}

AddressSpaceImpl::~AddressSpaceImpl() {
  manager_.leave(this);
  if (expects_fork_ && manager_.collapser() != nullptr) manager_.collapser()->stir();
  manager_.private_spaces().leave(this);
  // First the stub: nobody reaches the frames once it is gone.
  space_.reset();
  {
    Dropped dropped(*this);
    Exclusive guard(*this);
    for (auto& [begin, v] : vmas_) {
      unlink(v);
      dropped.vmas.push_back(std::move(v));
    }
    LockGuard tables(tables_lock_);
    deferred_.clear();
    privates_.clear();
    tables_.zap(0, u64{1} << 48, PageTables::Keep::none, dropped.gather);
  }
  manager_.private_spaces().wake();  // what was shared may be another's alone now
}

AddressSpaceImpl::Exclusive::Exclusive(AddressSpaceImpl& s, Claim claimed) : s_(s) {
  s_.lock_.lock();
  if (claimed == Claim::all) claim(0, s_.limit());
  LockGuard guard(s_.pins_lock_);
  while (s_.pins_ != 0) s_.unpinned_.wait(s_.pins_lock_);
}

AddressSpaceImpl::Exclusive::~Exclusive() {
  if (s_.areas_alone()) s_.vmas_.release_claims();
  s_.lock_.unlock();
}

void AddressSpaceImpl::Exclusive::claim(u64 begin, u64 end) NO_THREAD_SAFETY_ANALYSIS {
  if (!s_.areas_alone()) return;
  s_.vmas_.claim(begin, end);
  if (!s_.vmas_.busy(begin, end)) return;
  LockGuard guard(s_.idle_lock_);
  s_.writer_waits_ = true;
  while (s_.vmas_.busy(begin, end)) s_.areas_left_.wait(s_.idle_lock_);
  s_.writer_waits_ = false;
}

AddressSpaceImpl::AreaReader::AreaReader(AddressSpaceImpl& s, u64 address) NO_THREAD_SAFETY_ANALYSIS : s_(s) {
  if (s_.areas_alone()) area_ = s_.vmas_.enter(address);
  entered_ = area_ != nullptr;
  if (entered_) return;
  s_.lock_.lock_shared();
  area_ = s_.vmas_.find(address);
}

AddressSpaceImpl::AreaReader::~AreaReader() NO_THREAD_SAFETY_ANALYSIS {
  if (!entered_)
    s_.lock_.unlock_shared();
  else
    leave();
}

void AddressSpaceImpl::AreaReader::leave() {
  if (area_ == nullptr || !VmaMap::leave(*area_) || !s_.writer_waits_) return;
  LockGuard guard(s_.idle_lock_);
  s_.areas_left_.notify_all();
}

Vma* AddressSpaceImpl::AreaReader::move_to(u64 address) NO_THREAD_SAFETY_ANALYSIS {
  if (entered_) leave();
  return area_ = entered_ ? s_.vmas_.enter(address) : s_.vmas_.find(address);
}

AddressSpaceImpl::CopyingWindow::CopyingWindow(AddressSpaceImpl& s, u64 page)
    : s_(s), window_(round_down(page, huge_size)) {
  s_.copying_.push_back(window_);
}

AddressSpaceImpl::CopyingWindow::~CopyingWindow() NO_THREAD_SAFETY_ANALYSIS {
  std::erase(s_.copying_, window_);
  s_.copied_.notify_all();
}

void AddressSpaceImpl::await_window(u64 page) {
  while (being_copied(page)) copied_.wait(tables_lock_);
}

bool AddressSpaceImpl::being_copied(u64 page) const {
  return std::ranges::find(copying_, round_down(page, huge_size)) != copying_.end();
}

u64 AddressSpaceImpl::run_limit(u64 page, u64 end) const {
  for (const u64 w : copying_)
    if (w > page) end = std::min(end, w);
  return end;
}

AddressSpaceImpl::Dropped::~Dropped() {
  gather.release();
  for (const Vma& v : discarded)
    v.huge_reserve->restore(v.offset / huge_size, (v.offset + v.size()) / huge_size);
  for (Vma& v : vmas) {
    if (v.huge_reserve != nullptr)
      v.huge_reserve->give_up(v.offset / huge_size, (v.offset + v.size()) / huge_size);
    if (v.shared && v.object != nullptr && allows(v.max_access, Access::write)) (void)v.object->write_back();
  }
}

Ref<RefCounted> AddressSpaceImpl::hold_alive() {
  return try_ref() ? Ref<RefCounted>::adopt(this) : Ref<RefCounted>();
}

void AddressSpaceImpl::forget_object_range(const ObjectImpl& object, u64 begin, u64 end, bool even_private) {
  Dropped dropped(*this);
  Exclusive guard(*this);
  platform::Ticket last{};
  for (auto& [start, v] : vmas_) {
    if (v.object.get() != &object || v.offset >= end || v.offset + v.size() <= begin) continue;
    const u64 from = v.begin + (std::max(begin, v.offset) - v.offset);
    const u64 to = end - v.offset < v.size() ? v.begin + (end - v.offset) : v.end;
    last = revoke(from, to);
    if (!even_private || v.shared) continue;
    LockGuard tables(tables_lock_);
    tables_.zap(from, to, PageTables::Keep::none, dropped.gather);
  }
  if (last.value() != 0) space_->wait(last);
}

}  // namespace quire::mm
