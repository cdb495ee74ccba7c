#include "jffs2/fs/fragments.h"

#include <algorithm>
#include <array>
#include <queue>

namespace quire::jffs2 {

std::size_t Fragments::find(u32 offset) const {
  auto it = std::ranges::upper_bound(list_, u64{offset}, {}, [](const Fragment& f) { return f.end(); });
  return static_cast<std::size_t>(it - list_.begin());
}

std::size_t Fragments::find_node(RefId ref, u32 node_start, u32 node_length) const {
  for (std::size_t i = find(node_start); i < list_.size() && list_[i].start < u64{node_start} + node_length;
       i++)
    if (list_[i].ref == ref) return i;
  return list_.size();
}

void Fragments::build(std::vector<Candidate>& nodes) {
  list_.clear();
  std::ranges::sort(nodes, {}, &Candidate::start);
  auto newer = [&](u32 a, u32 b) { return nodes[a].rank < nodes[b].rank; };
  std::priority_queue<u32, std::vector<u32>, decltype(newer)> covering(newer);
  auto end_of = [&](u32 i) { return u64{nodes[i].start} + nodes[i].length; };

  // A sweep over the file: at each point the newest of the nodes that cover it shows.
  u64 at = 0;
  u32 next = 0;
  while (next < nodes.size() || !covering.empty()) {
    if (covering.empty()) at = std::max(at, u64{nodes[next].start});
    while (next < nodes.size() && nodes[next].start <= at) covering.push(next++);
    while (!covering.empty() && end_of(covering.top()) <= at) covering.pop();
    if (covering.empty()) continue;
    u32 top = covering.top();
    u64 until = end_of(top);
    if (next < nodes.size()) until = std::min(until, u64{nodes[next].start});
    until = std::min(until, u64{~u32{0}});
    if (until <= at) break;  // the end of what a file can hold
    u32 length = static_cast<u32>(until - at);
    if (!list_.empty() && list_.back().ref == nodes[top].ref && list_.back().end() == at) {
      list_.back().length += length;
    } else {
      list_.push_back({static_cast<u32>(at), length, nodes[top].ref, nodes[top].start, nodes[top].length});
    }
    at = until;
  }
}

void Fragments::overlay(RefId ref, u32 start, u32 length, std::vector<RefId>& dropped) {
  if (length == 0) return;
  u64 end = u64{start} + length;
  Fragment fresh{start, length, ref, start, length};
  std::size_t first = find(start);
  std::size_t last = first;
  std::vector<Fragment> hit;
  while (last < list_.size() && list_[last].start < end) hit.push_back(list_[last++]);

  // What takes the place of [first, last): the left rest, the new one, the right rest.
  std::array<Fragment, 3> now;
  std::size_t n = 0;
  if (!hit.empty() && hit.front().start < start) {
    now[n] = hit.front();
    now[n].length = start - now[n].start;
    n++;
  }
  now[n++] = fresh;
  if (!hit.empty() && hit.back().end() > end) {
    now[n] = hit.back();
    now[n].length = static_cast<u32>(now[n].end() - end);
    now[n].start = static_cast<u32>(end);
    n++;
  }
  auto at = list_.begin() + static_cast<std::ptrdiff_t>(first);
  std::size_t same = std::min(n, hit.size());
  std::copy_n(now.begin(), same, at);
  at += static_cast<std::ptrdiff_t>(same);
  if (n > same)
    list_.insert(at, now.begin() + static_cast<std::ptrdiff_t>(same),
                 now.begin() + static_cast<std::ptrdiff_t>(n));
  else
    list_.erase(at, at + static_cast<std::ptrdiff_t>(hit.size() - same));

  for (const Fragment& f : hit)
    if (f.ref != ref && std::ranges::find(dropped, f.ref) == dropped.end() &&
        find_node(f.ref, f.node_start, f.node_length) == list_.size())
      dropped.push_back(f.ref);
}

void Fragments::truncate(u32 size, std::vector<RefId>& dropped) {
  std::size_t first = find(size);
  if (first == list_.size()) return;
  std::vector<Fragment> cut;
  if (list_[first].start < size) {
    list_[first].length = size - list_[first].start;
    first++;
  }
  cut.assign(list_.begin() + static_cast<std::ptrdiff_t>(first), list_.end());
  list_.resize(first);
  std::ranges::sort(cut, {}, &Fragment::ref);
  RefId last = kNoRef;
  for (const Fragment& f : cut) {
    if (f.ref == last) continue;
    last = f.ref;
    if (find_node(f.ref, f.node_start, f.node_length) == list_.size()) dropped.push_back(f.ref);
  }
}

void Fragments::replace(RefId from, RefId to, u32 node_start, u32 node_length) {
  for (std::size_t i = find(node_start); i < list_.size() && list_[i].start < u64{node_start} + node_length;
       i++)
    if (list_[i].ref == from) list_[i].ref = to;
}

}  // namespace quire::jffs2
