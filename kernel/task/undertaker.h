// Takes address spaces down that nobody uses any more, beside those who go on: it is the slow part of an
// exit and of an exec, and nobody waits for it.
#pragma once

#include "base/ref.h"
#include "kernel/mm/address_space.h"

namespace quire::task {

/// Drops the reference, later and on another thread if that is the last one. Many at once are not put off.
void bury(Ref<mm::AddressSpace> mm);
/// Returns when all that was put off is done.
void finish_burials();
/// The process is about to end: what was put off is left undone, and no more is put off.
void leave_unburied();

}  // namespace quire::task
