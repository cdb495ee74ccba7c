// Strongly connected components, what they lead to first: Tarjan's algorithm without recursion.
#pragma once

#include <algorithm>
#include <vector>

#include "base/types.h"

namespace quire::metal {

class Components {
 public:
  static constexpr u32 kNone = 0xffffffff;

  explicit Components(u32 nodes) : index_(nodes, 0), low_(nodes, 0), on_stack_(nodes, false) {}

  /// Nodes may come while nothing is being visited.
  void grow(u32 nodes) {
    index_.resize(nodes, 0);
    low_.resize(nodes, 0);
    on_stack_.resize(nodes, false);
  }

  bool visited(u32 node) const { return index_[node] != 0; }

  /// Visits what `start` leads to and was not visited before. `successor(node, i)` is the node's ith
  /// successor or kNone; `found(members)` gets each component, once those that it leads to have been given.
  template <typename Successor, typename Found>
  void visit(u32 start, Successor&& successor, Found&& found) {
    if (visited(start)) return;
    enter(start);
    while (!frames_.empty()) {
      Frame& f = frames_.back();
      if (u32 to = successor(f.node, f.edge); to != kNone) {
        ++f.edge;
        if (!visited(to))
          enter(to);
        else if (on_stack_[to])
          low_[f.node] = std::min(low_[f.node], index_[to]);
        continue;
      }
      u32 v = f.node;
      frames_.pop_back();
      if (!frames_.empty()) low_[frames_.back().node] = std::min(low_[frames_.back().node], low_[v]);
      if (low_[v] != index_[v]) continue;
      auto first = std::find(stack_.rbegin(), stack_.rend(), v).base() - 1;
      std::vector<u32> members(first, stack_.end());
      stack_.erase(first, stack_.end());
      for (u32 m : members) on_stack_[m] = false;
      found(members);
    }
  }

 private:
  struct Frame {
    u32 node, edge;
  };
  void enter(u32 node) {
    index_[node] = low_[node] = ++counter_;
    stack_.push_back(node);
    on_stack_[node] = true;
    frames_.push_back({node, 0});
  }
  std::vector<u32> index_, low_, stack_;
  std::vector<bool> on_stack_;
  std::vector<Frame> frames_;
  u32 counter_ = 0;
};

}  // namespace quire::metal
