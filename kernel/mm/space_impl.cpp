#include "kernel/mm/space_impl.h"

namespace quire::mm {

Result<Ref<AddressSpace>> AddressSpace::create(MemoryManager& mm, bool) {
  auto& manager = static_cast<ManagerImpl&>(mm);
  auto space = TRY(manager.platform().create_space());
  return Ref<AddressSpace>(make_ref<AddressSpaceImpl>(manager, std::move(space)));
}

AddressSpaceImpl::AddressSpaceImpl(ManagerImpl& manager, std::unique_ptr<platform::Space> space)
    : manager_(manager),
      space_(std::move(space)),
      lock_(manager.policy().lock),
      tables_(manager.pool(), manager.tables()) {
  mmap_base_ = limit();
}

AddressSpaceImpl::~AddressSpaceImpl() {
  // First the stub: nobody reaches the frames once it is gone.
  space_.reset();
  Dropped dropped(*this);
  Exclusive guard(*this);
  for (auto& [begin, v] : vmas_) {
    unlink(v);
    dropped.vmas.push_back(std::move(v));
  }
  LockGuard tables(tables_lock_);
  deferred_.clear();
  tables_.zap(0, u64{1} << 48, PageTables::Keep::none, dropped.gather);
}

AddressSpaceImpl::Exclusive::Exclusive(AddressSpaceImpl& s) : s_(s) {
  s_.lock_.lock();
  LockGuard guard(s_.pins_lock_);
  while (s_.pins_ != 0) s_.unpinned_.wait(s_.pins_lock_);
}

AddressSpaceImpl::Exclusive::~Exclusive() { s_.lock_.unlock(); }

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
