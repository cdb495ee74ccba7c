// A range of an address space as objects that others may map (mm_map). Shared mappings have an object
// already; private memory gets one, which takes its pages over: whole 2 MiB blocks as they are, what is
// shared copy-on-write or comes from a file as copies.
#include <algorithm>
#include <csignal>

#include "kernel/mm/space_impl.h"

namespace quire::mm {
namespace {

constexpr unsigned share_tries = 16;

}  // namespace

// What share_area() needs and cannot get under the lock: pages of files, and huge pages of one's own.
Result<> AddressSpaceImpl::prepare_share(u64 begin, u64 end) {
  for (u64 at = begin; at < end;) {
    Ref<ObjectImpl> object;
    u64 index = 0;
    {
      SharedLockGuard guard(lock_);
      const Vma* v = vmas_.find(at);
      if (v == nullptr) return err(EFAULT);
      if (v->shared || v->anonymous()) {
        at = v->end;
        continue;
      }
      object = v->object;
      index = v->object_offset(at) >> page_shift;
      if (!v->huge_tlb) {
        auto run =
            object->run_around(index, index, index + ((std::min(end, v->end) - at) >> page_shift), false);
        if (run && *run) {
          at += ((*run)->end - index) * page_size;
          continue;
        }
        LockGuard tables(tables_lock_);
        if (tables_.span_at(at, at + page_size).named) {
          at += page_size;
          continue;
        }
        if (index >= object->page_count()) return err(EFAULT);
      }
    }
    if (object->huge()) {
      if (fault_page(at, Access::write, By::debugger).signo != 0) return err(ENOMEM);
      at = round_down(at, huge_size) + huge_size;
    } else if (const auto filled = object->fill(index, false); !filled) {
      return err(filled.error() == Errno(ENOMEM) ? ENOMEM : EFAULT);
    }
  }
  return {};
}

Result<> AddressSpaceImpl::copy_frames_to(ObjectImpl& object, u64 offset, FrameNumber first, u64 pages) {
  platform::Memory& memory = manager_.memory();
  const FrameNumber end = first + pages;
  for (FrameNumber f = memory.next_data(first, end); f < end; f = memory.next_data(f, end)) {
    const FrameNumber hole = memory.next_hole(f, end);
    const std::span<const std::byte> from(memory.at(f), (hole - f) * page_size);
    auto written = object.write(offset + (f - first) * page_size, from);
    if (!written || *written != from.size()) return err(ENOMEM);
    f = hole;
  }
  return {};
}

// Nobody else is in the area, and its stub shows nothing of it. False: see prepare_share().
Result<bool> AddressSpaceImpl::share_area(u64 begin, Dropped& dropped) {
  Vma& v = *vmas_.find(begin);
  const u64 end = v.end;
  // Offsets are congruent with the addresses, so that blocks fit.
  const u64 phase = begin % huge_size;
  const u64 size = phase + v.size();
  auto made = v.huge_tlb ? MemoryObject::create_huge(manager_, size, v.object->subpool())
                         : MemoryObject::create_anonymous(manager_, size);
  const Ref<ObjectImpl> object(static_cast<ObjectImpl*>(TRY(std::move(made)).get()));
  space_->wait(revoke(begin, end));
  for (u64 a = begin; a < end;) {
    Span s;
    {
      LockGuard tables(tables_lock_);
      s = tables_.span_at(a, end, true);
      if (s.named) s = tables_.span_at(a, end);
    }
    const u64 to = phase + (a - begin);
    if (s.named && s.exclusive && s.end - s.begin == huge_size && index_in_block(s.frame) == 0) {
      object->adopt(to / huge_size, block_of(s.frame));
    } else if (v.huge_tlb) {
      return false;
    } else if (s.named) {
      TRY_VOID(copy_frames_to(*object, to, s.frame, (s.end - s.begin) >> page_shift));
    } else if (v.object != nullptr) {
      const u64 index = v.object_offset(a) >> page_shift;
      const auto run = v.object->run_around(index, index, index + ((s.end - a) >> page_shift), false);
      if (!run || !*run) return false;
      TRY_VOID(copy_frames_to(*object, to, (*run)->at(index), (*run)->end - index));
      s.end = a + ((*run)->end - index) * page_size;
    }
    a = s.end;
  }
  {
    LockGuard tables(tables_lock_);
    tables_.zap(begin, end, PageTables::Keep::none, dropped.gather);
  }
  Vma shared = v;
  shared.object = object;
  shared.offset = phase;
  shared.shared = true;
  shared.grows_down = shared.wipe_on_fork = shared.charged = shared.writable_in_stub = false;
  shared.max_access = v.max_access | Access::read | Access::write;
  shared.ahead_end = shared.ahead_windows = shared.ahead_proven = 0;
  shared.device = shared.inode = 0;
  shared.keep_alive = nullptr;
  shared.huge_reserve = nullptr;
  static const auto name = std::make_shared<const std::string>("/dev/zero (deleted)");
  if (!v.huge_tlb) shared.name = name;
  unlink(v);
  account(v, v.size(), false);
  dropped.vmas.push_back(std::move(v));
  vmas_.erase(vmas_.first_after(begin));
  add_area(std::move(shared));
  return true;
}

Result<bool> AddressSpaceImpl::share_once(u64 begin, u64 end, std::vector<SharedPiece>& pieces) {
  Dropped dropped(*this);
  Exclusive guard(*this, Exclusive::Claim::none);
  guard.claim(begin, end);
  if (!mapped_whole(begin, end)) return err(EFAULT);
  if (cuts_huge_page(begin, end)) return err(EINVAL);
  if (vmas_.count() + vmas_.splits_needed(begin, end) >= limits_.max_maps) return err(ENOMEM);
  // What the host has copied for the stub alone comes home first.
  TRY_VOID(settle_for_change(begin, end, Reach::all));
  if (vmas_.find(begin)->is_private()) vmas_.split_at(begin);
  if (vmas_.find(end - 1)->is_private()) vmas_.split_at(end);
  for (u64 a = begin; a < end;) {
    const Vma* v = vmas_.find(a);
    const u64 next = v->end;
    if (v->is_private() && !TRY(share_area(a, dropped))) return false;
    a = next;
  }
  for (u64 a = begin; a < end;) {
    const Vma* v = vmas_.find(a);
    const u64 length = std::min(end, v->end) - a;
    pieces.push_back({.object = v->object,
                      .offset = v->object_offset(a),
                      .length = length,
                      .max_access = v->max_access,
                      .name = v->name != nullptr ? *v->name : std::string(),
                      .device = v->device,
                      .inode = v->inode,
                      .keep_alive = v->keep_alive});
    a += length;
  }
  return true;
}

Result<std::vector<SharedPiece>> AddressSpaceImpl::share(GuestAddr address, u64 length) {
  const u64 begin = address.value();
  if (begin % page_size != 0 || length == 0 || length > limit() || begin > limit() - length)
    return err(EINVAL);
  const u64 end = begin + round_up(length, page_size);
  reap();
  std::vector<SharedPiece> pieces;
  for (unsigned tries = 0; tries != share_tries; ++tries) {
    TRY_VOID(prepare_share(begin, end));
    if (TRY(share_once(begin, end, pieces))) return pieces;
    pieces.clear();
  }
  return err(EAGAIN);  // pages are taken away as fast as they come
}

}  // namespace quire::mm
