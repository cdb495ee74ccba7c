// Puts the stub's code, filter and tables into the control file.
#pragma once

#include "kernel/platform/native/control.h"

namespace quire::platform::native {

/// Copies stub.S's blob and fills in the guest threads' seccomp filter and the table of calls that a
/// slot may answer.
void install_blob(ControlFile& control);

/// Confines the calling thread, and what it makes from then on, to the calls that the template and the
/// agents make. Guest threads confine themselves further. False on failure.
bool install_agent_filter();

/// Places in Slot::answers by call number; 0: none.
u32 answer_place(u32 nr);

}  // namespace quire::platform::native
