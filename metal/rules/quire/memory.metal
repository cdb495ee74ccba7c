rule "quire.guest-memory" {
  severity: error;
  text: "Guest memory is reached by checked copies only: neither a guest address nor the window onto the memory file is dereferenced.";
  category: "CWE-822";
  example: "std::memcpy(&head, memory.at(frame), sizeof head);";
  fix: "memory.checked_copy(&head, memory.at(frame), sizeof head), or AddressSpace::copy_in.";
  false_positives: "Frames that the kernel itself has just filled and that nobody else can give back to the host.";
}
sm quire_guest_memory {
  state decl any_pointer p;
  decl any_fn_call fn;
  decl any_arguments args;
  decl any_expr x, y, z, w;
  decl any_fn_call gn;
  list memories = "quire::platform::Memory", "quire::platform::native::MemoryFile", "quire::platform::FakeMemory";
  list tags = "quire::GuestAddrTag";
  list numbers = "quire::StrongInt";
  list raw = "memcpy", "memmove", "memset", "memcmp", "memchr", "strlen", "strcmp", "strncmp",
    "std::memcpy", "std::memmove", "std::memset", "std::memcmp", "std::copy", "std::copy_n", "std::fill", "std::fill_n";
  start: { p = fn(args) } && ${ mc_method_of(fn, memories, "at") } ==> p.guest
    | { p = fn(x) } && ${ mc_method_of(fn, numbers, "value") && mc_position(mc_type_argument(x), tags) > 0 } ==> p.guest;
  // Without a name.
  start: { *fn(args) } && ${ mc_method_of(fn, memories, "at") } ==> { err("guest memory is dereferenced"); }
    | { *fn(x) } && ${ mc_method_of(fn, numbers, "value") && mc_position(mc_type_argument(x), tags) > 0 } ==> { err("a guest address is dereferenced"); };
  // The window handed on as it is.
  start: { fn(w, gn(y, z), x) } && ${ mc_in(fn, raw) && mc_method_of(gn, memories, "at") } ==> { err("guest memory is handed to %s", mc_name(fn)); }
    | { fn(gn(y, z), w, x) } && ${ mc_in(fn, raw) && mc_method_of(gn, memories, "at") } ==> { err("guest memory is handed to %s", mc_name(fn)); };
  p.guest: { *p } ==> p.stop, { err("%s is guest memory and is dereferenced", mc_identifier(p)); }
    | { fn(args) } && ${ mc_in(fn, raw) && mc_has_arg(args, p) } ==> p.stop,
        { err("%s is guest memory and is handed to %s", mc_identifier(p), mc_name(fn)); };
}

rule "quire.frame" {
  severity: error;
  text: "A block of frames that was allocated is named by a table, made a home, released or returned on every path.";
  category: "CWE-401";
  example: "const BlockNumber b = TRY(pool.allocate(slot, no_block)); if (!ready()) return err(EAGAIN);";
  fix: "pool.release_whole(b, 1) on the error path.";
  false_positives: "Code that keeps the number in another form, such as a frame computed from it by hand.";
}
sm quire_frame {
  state decl any_expr b;
  decl any_fn_call fn, gn;
  decl any_arguments args;
  list makers = "quire::mm::BlockPool::allocate", "quire::mm::BlockPool::allocate_run", "quire::mm::PageTables::fresh_block";
  list lookers = "quire::mm::first_frame", "quire::mm::BlockPool::sole", "quire::mm::BlockPool::count",
    "quire::StrongInt::StrongInt", "quire::StrongInt::value";
  start: { b = TRY(fn(args)) } && ${ mc_in(fn, makers) } ==> b.fresh;
  b.fresh: { fn(gn(b)) } && ${ mc_is_call_to(fn, "quire::mm::Entry::to_frame") } ==> b.stop
    | { fn(args) } && ${ mc_has_arg(args, b) && !mc_in(fn, lookers) } ==> b.stop
    | $end_of_path$ && ${ !mc_returned(b) } ==> b.stop, { err("the block %s is lost on this path", mc_identifier(b)); };
}

rule "quire.table" {
  severity: error;
  text: "A page table that was made is put into an entry, dropped, gathered or returned on every path, and not used after it was dropped.";
  category: "CWE-401";
  example: "auto* t = new Table(1); if (!pool.sole(b)) return nullptr;";
  fix: "Make the table after what can fail, or drop it on the error path.";
  false_positives: "A table that is handed on inside an Entry which is then kept in a variable of its own.";
}
sm quire_table {
  state decl any_pointer t;
  decl any_fn_call fn;
  decl any_arguments args;
  start: { t = new int } && ${ mc_type_is(t, "quire::mm::Table *") } ==> t.made
    | { delete t } && ${ mc_type_is(t, "quire::mm::Table *") } ==> t.dropped;
  t.made: { delete t } ==> t.dropped
    | { fn(args) } && ${ mc_has_arg(args, t) } ==> t.stop
    | $end_of_path$ && ${ !mc_returned(t) && !mc_escaped(t) } ==> t.stop, { err("the table %s is lost on this path", mc_identifier(t)); };
  t.dropped: { delete t } ==> t.stop, { err("the table %s is dropped twice", mc_identifier(t)); }
    | { *t } ==> t.stop, { err("the table %s is used after it was dropped", mc_identifier(t)); };
}
