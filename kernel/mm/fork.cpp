// fork: the child names what the parent names, through the same tables.
#include <algorithm>

#include "kernel/mm/charges.h"
#include "kernel/mm/space_impl.h"

namespace quire::mm {
namespace {

constexpr std::size_t eager_areas = 64;  // a child with so few areas starts with its mappings made
constexpr u64 stack_piece = 64u << 10;   // copied for the child around its stack pointer

}  // namespace

// Takes the right to write from all that was given it since the last fork, but for some pieces, in order,
// that the caller sees to.
platform::Ticket AddressSpaceImpl::write_protect(const std::vector<GuestRange>& but) {
  LockGuard tables(tables_lock_);
  if (by_pieces_ != 0) --by_pieces_;
  scattered_ = 0;
  (void)watch_.end();
  platform::Ticket ticket{};
  u64 begin = 0;
  u64 end = 0;
  Access access = Access::none;
  auto next = but.begin();
  auto protect = [&] {
    while (begin < end) {
      while (next != but.end() && next->end.value() <= begin) ++next;
      const u64 stop = next == but.end() ? end : std::clamp(next->begin.value(), begin, end);
      if (begin < stop) {
        const auto t = space_->protect({GuestAddr(begin), GuestAddr(stop)}, access);
        if (t.value() != 0) ticket = t;
      }
      begin = stop < end ? std::min(end, next->end.value()) : end;
    }
  };
  for (auto& [at, v] : vmas_) {
    if (!v.is_private() || !v.writable_in_stub) continue;
    const Access wanted = (v.access | Access::read) & ~Access::write;
    if (end != v.begin || access != wanted) {
      protect();
      begin = v.begin;
      access = wanted;
    }
    end = v.end;
    v.writable_in_stub = std::ranges::any_of(
        but, [&](const GuestRange& r) { return r.begin.value() < v.end && r.end.value() > v.begin; });
  }
  protect();
  for (auto& [at, r] : privates_)
    if (r.state == PrivateRange::State::writable) r.state = PrivateRange::State::frozen;
  return ticket;
}

// Stack, heap and data that one side wrote after earlier forks it will write again: copied now, all in one
// go, these pieces cost neither side a fault, and the parent may go on writing to them. (To do so from the
// first fork on with all small areas, which both sides mostly write to, was tried: it costs as much as it
// saves.)
std::vector<GuestRange> AddressSpaceImpl::hot_pieces(GuestAddr sp) {
  std::vector<GuestRange> pieces = hot_->for_fork();
  if (manager_.policy().cow == Policy::Cow::adaptive) {
    GuestRange stack{GuestAddr(round_down(sp.value(), stack_piece)), {}};
    stack.end = stack.begin + stack_piece;
    const Vma* v = vmas_.find(sp.value());
    if (v != nullptr) {
      stack = {GuestAddr(std::max(stack.begin.value(), v->begin)),
               GuestAddr(std::min(stack.end.value(), v->end))};
      if (std::ranges::none_of(
              pieces, [&](const GuestRange& p) { return p.begin < stack.end && stack.begin < p.end; }))
        pieces.push_back(stack);
    }
  }
  LockGuard tables(tables_lock_);
  if (!privates_.empty() || prompt()) return {};  // their frames are others' to read; all is copied
  std::erase_if(pieces, [&](const GuestRange& piece) NO_THREAD_SAFETY_ANALYSIS {
    const Vma* v = vmas_.find(piece.begin.value());
    return v == nullptr || piece.end.value() > v->end || !v->is_private() || v->huge_tlb || v->dont_fork ||
           v->wipe_on_fork || !allows(v->access, Access::write);
  });
  std::ranges::sort(pieces, {}, &GuestRange::begin);
  return pieces;
}

void AddressSpaceImpl::copy_hot(AddressSpaceImpl& child,
                                const std::vector<GuestRange>& pieces) NO_THREAD_SAFETY_ANALYSIS {
  Gather gather(manager_.pool(), manager_.tables());
  LockGuard tables(tables_lock_);
  LockGuard child_tables(child.tables_lock_);
  for (const GuestRange& piece : pieces) {
    Vma* v = vmas_.find(piece.begin.value());
    const u64 end = piece.end.value();
    if (child.tables_.own(piece.begin.value(), end, gather)) count(manager_.counters.cow_page);
    gather.release();  // the child has no stub yet that could show them: from here on they are ours alone
    for (u64 a = piece.begin.value(); a < end;) {
      const Span s = tables_.span_at(a, end, true);
      Access access = v->access | Access::read;
      if (!s.exclusive) access = access & ~Access::write;
      if (s.named) (void)space_->protect({GuestAddr(s.begin), GuestAddr(s.end)}, access);
      v->writable_in_stub |= s.named && s.exclusive;
      a = s.end;
    }
  }
}

// With the lock held for writing no thread of the parent is in a fault or a copy and no page is pinned.
// The stub loses the right to write what is now shared, and has acknowledged that before the child
// exists: from then on either side's first write takes a fault, and breaks what is shared.
//
// Where no thread can write anyhow, the pieces that are copied at once keep the right.
Result<Ref<AddressSpace>> AddressSpaceImpl::fork(bool alone, GuestAddr sp) {
  // Processes that fork on and on would be more than the out-of-memory kill can end.
  if (!manager_.make_room_for(stub_charge)) return err(ENOMEM);
  auto child = make_ref<AddressSpaceImpl>(manager_, TRY(manager_.platform().create_space()));
  if (space_->bare()) child->space_->set_bare();
  reap();
  Dropped dropped(*this);
  Exclusive guard(*this);
  Exclusive child_guard(*child);
  const Policy& policy = manager_.policy();
  TRY_VOID(settle_for_fork());
  const std::vector<GuestRange> hot = hot_pieces(sp);
  platform::Ticket ticket = write_protect(alone ? hot : std::vector<GuestRange>());
  // What only the stub has is copied once the stub cannot change it any more.
  std::vector<GuestRange> runs;
  if (has_private()) {
    if (ticket.value() != 0) space_->wait(ticket);
    runs = TRY(snapshot_runs());
    for (const platform::Ticket t : {TRY(bring_home(runs)), TRY(settle_pieces(runs))})
      if (t.value() != 0) ticket = t;
  }
  LockGuard tables(tables_lock_);
  LockGuard child_tables(child->tables_lock_);
  tables_.share_into(child->tables_);
  if (policy.share == Policy::Share::never ||
      (policy.share == Policy::Share::from_n && tables_.leaf_count() < policy.share_from))
    child->tables_.unshare_all();
  for (auto& [begin, v] : vmas_)
    if (v.dont_fork || v.wipe_on_fork)
      child->tables_.zap(v.begin, v.end, PageTables::Keep::none, dropped.gather);
  child->hot_ = hot_;
  child->limits_ = limits_;
  child->used_huge_pages_ = used_huge_pages_.load();
  child->huge_pages_off_ = huge_pages_off_.load();
  child->layout_ = layout_;
  child->mmap_base_ = mmap_base_;
  child->brk_begin_ = brk_begin_;
  child->brk_end_ = brk_end_;
  count(manager_.counters.forks);
  child_tables.unlock();
  tables.unlock();
  if (!runs.empty()) TRY_VOID(snapshot(*child, runs, dropped.gather));
  for (const auto& [begin, v] : vmas_) {
    if (v.dont_fork) continue;
    Vma copy = v;
    copy.locked = copy.lock_on_fault = false;
    copy.huge_reserve = nullptr;
    child->link(copy);
    child->account(copy, copy.size(), true);
    child->vmas_.append(std::move(copy));
  }
  if (ticket.value() != 0) {
    count(manager_.counters.revocations);
    space_->wait(ticket);
  }
  if (prompt())
    copy_locked_for(*child);
  else
    copy_hot(*child, hot);
  if (child->vmas_.count() <= eager_areas)
    for (auto& [begin, v] : child->vmas_) child->show(v, v.begin, v.end, false);
  return Ref<AddressSpace>(child);
}

}  // namespace quire::mm
