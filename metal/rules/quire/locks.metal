rule "quire.lock" {
  severity: error;
  text: "A lock of base/lock.h that is taken by hand is released on every path, once.";
  category: "CWE-667";
  example: "lock_.lock(); if (full()) return err(EAGAIN);";
  fix: "Use LockGuard.";
  false_positives: "Functions annotated ACQUIRE that return with the lock held on purpose.";
}
sm quire_lock {
  state decl any_expr m;
  decl any_fn_call fn;
  decl any_arguments args;
  list takers = "quire::Mutex::lock", "quire::SharedMutex::lock", "quire::mm::MmLock::lock";
  list sharers = "quire::SharedMutex::lock_shared", "quire::mm::MmLock::lock_shared";
  list releasers = "quire::Mutex::unlock", "quire::SharedMutex::unlock", "quire::mm::MmLock::unlock";
  list unsharers = "quire::SharedMutex::unlock_shared", "quire::mm::MmLock::unlock_shared";
  list guards = file("guards.txt");
  pat take = { fn(m) } && ${ mc_in(fn, takers) && !mc_in_function("quire::LockGuard::lock") };
  pat share = { fn(m) } && ${ mc_in(fn, sharers) };
  pat release = { fn(m) } && ${ mc_in(fn, releasers) };
  pat unshare = { fn(m) } && ${ mc_in(fn, unsharers) };
  // What a guard takes it releases itself.
  pat guard = { fn(args) } && ${ mc_in(fn, guards) };
  start: guard ==> start
    | { fn(m) } && ${ mc_is_call_to(fn, "quire::Mutex::try_lock") } ==> true = m.locked, false = m.stop
    | take ==> m.locked
    | share ==> m.shared
    // The caller's lock, let go of for a while.
    | release ==> m.lent
    | unshare ==> m.lent;
  m.lent: take ==> m.stop
    | share ==> m.stop;
  m.locked: release ==> m.stop
    | unshare ==> m.stop, { err("%s was taken alone and is released as if it were shared", mc_identifier(m)); }
    | take ==> m.stop, { err("%s is locked twice", mc_identifier(m)); }
    | share ==> m.stop, { err("%s is locked twice", mc_identifier(m)); }
    | guard ==> m.locked
    | $end_of_path$ ==> m.stop, { err("%s is not unlocked on this path", mc_identifier(m)); };
  m.shared: unshare ==> m.stop
    | release ==> m.stop, { err("%s is shared and is released as if it were held alone", mc_identifier(m)); }
    | take ==> m.stop, { err("%s is taken alone while it is shared", mc_identifier(m)); }
    | guard ==> m.shared
    | $end_of_path$ ==> m.stop, { err("%s is not unlocked on this path", mc_identifier(m)); };
}

rule "quire.lock-order" {
  severity: error;
  text: "Locks are taken in the order that the lock_order.h headers write down, across calls too.";
  category: "CWE-833";
  example: "LockGuard a(frames_); LockGuard b(table_);";
  fix: "Take the lock that comes first in the order first, or let go of the other one.";
  false_positives: "Two locks of one class in an order of their own (addresses, ancestors first) where the class says that it nests.";
}
sm quire_lock_order {
  // Of the files and inodes that a virtual call may lead to, one that lies below itself would be found: what is taken
  // through those only the run-time check sees (QUIRE_CHECK_LOCKS).
  set direct = 1;
  decl any_fn_call fn;
  decl any_arguments args;
  data first, second, third;  // places in the order of the locks held, lowest first
  list takers = file("takers.txt");
  list releasers = file("releasers.txt");
  list area_takers = "quire::mm::AddressSpaceImpl::AreaReader::AreaReader", "quire::mm::AddressSpaceImpl::Exclusive::Exclusive";
  list area_releasers = "quire::mm::AddressSpaceImpl::AreaReader::~AreaReader", "quire::mm::AddressSpaceImpl::Exclusive::~Exclusive";
  list gaps = file("gaps.txt");
  list order = file("lock_order.txt");
  list nests = file("lock_nests.txt");
  // The class is the argument of the lock's or the guard's own type.
  pat take = { fn(args) } && ${ mc_in(fn, takers) && mc_position(mc_type_argument(mc_arg(args, 0)), order) > 0 };
  pat release = { fn(args) } && ${ mc_in(fn, releasers) && mc_position(mc_type_argument(mc_arg(args, 0)), order) > 0 };
  // The guards of kernel/mm, which hold its lock or what stands for it.
  pat area_take = { fn(args) } && ${ mc_in(fn, area_takers) };
  pat area_release = { fn(args) } && ${ mc_in(fn, area_releasers) };
  pat gap = { fn(args) } && ${ mc_in(fn, gaps) };
  none: gap ==> none
    | area_take ==> one, { first = mc_position("quire::mm::MmLock", order); }
    | take ==> one, { first = mc_position(mc_type_argument(mc_arg(args, 0)), order); };
  one: gap ==> one
    | area_take && ${ mc_position("quire::mm::MmLock", order) < first } ==> stop, { err("quire::mm::MmLock comes before a lock that is held"); }
    | area_take ==> two, { second = mc_position("quire::mm::MmLock", order); }
    | area_release && ${ first == mc_position("quire::mm::MmLock", order) } ==> none, { first = 0; }
    | take && ${ mc_position(mc_type_argument(mc_arg(args, 0)), order) < first } ==> stop, { err("%s comes before the lock that is held", mc_type_argument(mc_arg(args, 0))); }
    | take && ${ mc_position(mc_type_argument(mc_arg(args, 0)), order) == first && mc_position(mc_type_argument(mc_arg(args, 0)), nests) == 0 } ==> stop,
        { err("%s does not nest with itself", mc_type_argument(mc_arg(args, 0))); }
    | take ==> two, { second = mc_position(mc_type_argument(mc_arg(args, 0)), order); }
    | release && ${ mc_position(mc_type_argument(mc_arg(args, 0)), order) == first } ==> none, { first = 0; };
  two: gap ==> two
    | area_take && ${ mc_position("quire::mm::MmLock", order) < second } ==> stop, { err("quire::mm::MmLock comes before a lock that is held"); }
    | area_take ==> three, { third = mc_position("quire::mm::MmLock", order); }
    | area_release && ${ second == mc_position("quire::mm::MmLock", order) } ==> one, { second = 0; }
    | area_release && ${ first == mc_position("quire::mm::MmLock", order) } ==> one, { first = second; second = 0; }
    | take && ${ mc_position(mc_type_argument(mc_arg(args, 0)), order) < second } ==> stop, { err("%s comes before a lock that is held", mc_type_argument(mc_arg(args, 0))); }
    | take && ${ mc_position(mc_type_argument(mc_arg(args, 0)), order) == second && mc_position(mc_type_argument(mc_arg(args, 0)), nests) == 0 } ==> stop,
        { err("%s does not nest with itself", mc_type_argument(mc_arg(args, 0))); }
    | take ==> three, { third = mc_position(mc_type_argument(mc_arg(args, 0)), order); }
    | release && ${ mc_position(mc_type_argument(mc_arg(args, 0)), order) == second } ==> one, { second = 0; }
    | release && ${ mc_position(mc_type_argument(mc_arg(args, 0)), order) == first } ==> one, { first = second; second = 0; };
  // Deeper than three only the order is looked at.
  three: gap ==> three
    | area_take && ${ mc_position("quire::mm::MmLock", order) < third } ==> stop, { err("quire::mm::MmLock comes before a lock that is held"); }
    | area_release && ${ third == mc_position("quire::mm::MmLock", order) } ==> two, { third = 0; }
    | area_release && ${ second == mc_position("quire::mm::MmLock", order) } ==> two, { second = third; third = 0; }
    | area_release && ${ first == mc_position("quire::mm::MmLock", order) } ==> two, { first = second; second = third; third = 0; }
    | take && ${ mc_position(mc_type_argument(mc_arg(args, 0)), order) < third } ==> stop, { err("%s comes before a lock that is held", mc_type_argument(mc_arg(args, 0))); }
    | release && ${ mc_position(mc_type_argument(mc_arg(args, 0)), order) == third } ==> two, { third = 0; }
    | release && ${ mc_position(mc_type_argument(mc_arg(args, 0)), order) == second } ==> two, { second = third; third = 0; }
    | release && ${ mc_position(mc_type_argument(mc_arg(args, 0)), order) == first } ==> two, { first = second; second = third; third = 0; }
    | area_take ==> three
    | take ==> three;
}

rule "quire.blocking" {
  severity: error;
  text: "Nothing that sleeps until somebody else acts is called with a leaf lock held (from mm.page_table on, but for those of the platform, which waits for its stubs), and a guest's own sleep with no lock at all.";
  category: "CWE-833";
  example: "LockGuard g(lock_); TRY_VOID(Waiter::current().sleep());";
  fix: "Note what to wait for, let go of the lock, then sleep.";
  false_positives: "A wait for something that is known to have happened.";
}
sm quire_blocking {
  set direct = 1;  // as for the order of locks
  decl any_fn_call fn;
  decl any_arguments args;
  data held;
  list takers = file("takers.txt"), "quire::mm::AddressSpaceImpl::AreaReader::AreaReader", "quire::mm::AddressSpaceImpl::Exclusive::Exclusive";
  list releasers = file("releasers.txt"), "quire::mm::AddressSpaceImpl::AreaReader::~AreaReader", "quire::mm::AddressSpaceImpl::Exclusive::~Exclusive";
  list gaps = file("gaps.txt");
  list order = file("lock_order.txt");
  list waiters = "quire::vfs::Waiter";
  list spaces = "quire::platform::Space";
  list host = file("host_waits.txt");
  pat take = { fn(args) } && ${ mc_in(fn, takers) };
  pat release = { fn(args) } && ${ mc_in(fn, releasers) };
  pat leaf = take && ${ mc_position(mc_type_argument(mc_arg(args, 0)), order) >= mc_position("quire::locks::page_table", order)
                       && mc_position(mc_type_argument(mc_arg(args, 0)), order) < mc_position("quire::locks::platform_spaces", order) };
  pat guest_sleep = { fn(args) } && ${ mc_method_of(fn, waiters, "sleep") || mc_method_of(fn, waiters, "sleep_killable")
                                       || mc_method_of(fn, waiters, "sleep_on_host") };
  pat sleeps = { fn(args) } && ${ mc_in(fn, host) || mc_method_of(fn, spaces, "wait") };
  pat gap = { fn(args) } && ${ mc_in(fn, gaps) };
  free: gap ==> free
    | leaf ==> leaf_held, { held = 1; }
    | take ==> locked, { held = 1; };
  locked: gap ==> locked
    | leaf ==> leaf_held, { held += 1; }
    | take ==> { held += 1; }
    | release && ${ held <= 1 } ==> free, { held = 0; }
    | release ==> { held -= 1; }
    | guest_sleep ==> stop, { err("%s sleeps with a lock held", mc_identifier(fn)); };
  leaf_held: gap ==> leaf_held
    | take ==> { held += 1; }
    | release && ${ held <= 1 } ==> free, { held = 0; }
    | release && ${ mc_position(mc_type_argument(mc_arg(args, 0)), order) >= mc_position("quire::locks::page_table", order) } ==> locked, { held -= 1; }
    | release ==> { held -= 1; }
    | guest_sleep ==> stop, { err("%s sleeps with a leaf lock held", mc_identifier(fn)); }
    | sleeps ==> stop, { err("%s sleeps with a leaf lock held", mc_identifier(fn)); };
}
