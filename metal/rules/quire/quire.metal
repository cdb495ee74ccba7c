rule "quire.lock" {
  severity: error;
  text: "A lock of base/lock.h that is taken by hand is released on every path.";
  category: "CWE-667";
  example: "lock_.lock(); if (full()) return err(EAGAIN);";
  fix: "Use LockGuard.";
  false_positives: "Functions annotated ACQUIRE that return with the lock held on purpose.";
}
sm quire_lock {
  state decl any_expr m;
  decl any_fn_call fn;
  list classes = "quire::Mutex", "quire::SharedMutex";
  start: { fn(m) } && ${ mc_method_of(fn, classes, "lock") } ==> m.locked;
  m.locked: { fn(m) } && ${ mc_method_of(fn, classes, "unlock") } ==> m.stop
    | { fn(m) } && ${ mc_method_of(fn, classes, "lock") } ==> m.stop, { err("%s is locked twice", mc_identifier(m)); }
    | $end_of_path$ ==> m.stop, { err("%s is not unlocked on this path", mc_identifier(m)); };
}

rule "quire.result" {
  severity: error;
  text: "Every Result is looked at.";
  category: "CWE-252";
  example: "unmap(range);";
  fix: "TRY_VOID(unmap(range));";
  false_positives: "None known: a failure that cannot matter is written as such in the code.";
}
sm quire_result {
  decl any_fn_call fn;
  decl any_arguments args;
  start: { fn(args) } && ${ mc_discarded() && mc_result_type(fn) == "std::expected" } ==> { err("the Result of %s is dropped", mc_name(fn)); };
}

rule "quire.stack" {
  severity: warning;
  text: "Kernel threads have small stacks: no variable of 16 KiB or more.";
  category: "CWE-770";
  example: "u8 buffer[64 * 1024];";
  fix: "Allocate it, or keep it in the object.";
  false_positives: "Code that only runs on the main thread of a command-line tool.";
}
sm quire_stack {
  set limit = 16384;
  start: $variable$ && ${ mc_variable_size() >= limit } ==> { err("%s takes %d bytes of the stack", mc_variable_name(), mc_variable_size()); };
}
