rule "cxx.discarded-guard" {
  severity: error;
  text: "A lock guard has a name: one that nobody holds lets go at the end of its own statement.";
  category: "CWE-667";
  example: "std::lock_guard<std::mutex>{m}; shared = 1;";
  fix: "std::lock_guard<std::mutex> guard{m};";
  false_positives: "Taking and releasing a lock at once on purpose, to wait for whoever holds it.";
}
sm discarded_guard {
  decl any_fn_call fn;
  decl any_arguments args;
  list guards = "std::lock_guard::lock_guard", "std::unique_lock::unique_lock", "std::scoped_lock::scoped_lock",
    "std::shared_lock::shared_lock", "quire::LockGuard::LockGuard", "quire::SharedLockGuard::SharedLockGuard";
  start: { fn(args) } && ${ mc_in(fn, guards) && mc_arg(args, 0) == "&<temporary>" && mc_discarded() }
      ==> { err("this guard has no name and lets go at once"); };
}
