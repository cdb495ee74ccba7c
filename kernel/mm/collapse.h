// Huge pages for memory that was filled with small ones.
//
// A guest that fills memory in no order gets 4 KiB pages from the host, and each of them costs every fork a
// little; so do the first windows of memory that is filled in order (ahead.cpp). Where a 2 MiB window of a
// large private area turns out to be full, the host is asked to make one page of it, in the background and
// for at most a tenth of a CPU. The guest goes on meanwhile: the host takes the pages from its stub and gives
// the huge one back at the next touch.
#pragma once

#include "kernel/mm/background.h"
#include "kernel/mm/blocks.h"

namespace quire::mm {

class AddressSpaceImpl;
class ManagerImpl;

/// Goes through the address spaces in which large areas were touched by small pages.
class Collapser {
 public:
  explicit Collapser(ManagerImpl& manager);
  /// There is such an address space again.
  void stir() { background_.stir(); }
  void stop() { background_.stop(); }

 private:
  std::optional<Background::Duration> step();

  ManagerImpl& manager_;
  const AddressSpaceImpl* at_ = nullptr;  // the address space it is at; not held, it may be gone
  u64 cursor_ = 0;                        // and the address in it
  bool found_ = false;                    // something, in this round
  bool large_ = false;                    // an address space, in this round
  unsigned idle_rounds_ = 0;              // in which nothing was found
  Background background_;                 // last: its thread uses the rest
};

}  // namespace quire::mm
