rule "linux.inferred-check" {
  severity: warning;
  text: "The result of a function that is nearly always tested is tested everywhere. Which functions these are is learnt from the code.";
  category: "CWE-252";
  example: "Nineteen callers of foo_get() test for null; the twentieth does not.";
  fix: "Test it like the others, or say why it cannot fail.";
  false_positives: "Callers that know more than the others: that the object exists, that this is the boot path.";
}
sm inferred_check {
  state decl any_pointer v;
  decl any_fn_call fn;
  decl any_arguments args;
  set expected_percent = 90;
  set min_examples = 9;
  // The test is due where the result is used, in the function that asked for it.
  set intra = 1;
  // What must not fail is asked for again until there is some; what is cut off a string is null only after the last piece.
  start: { v = fn(args) } && ${ mc_result_type(fn) == "pointer" && !mc_is_indirect(fn) && !mc_contains(mc_arg(args, 1), "NOFAIL") && mc_name(fn) != "strsep" } ==> true = v.made, false = v.null, { mc_remember(mc_name(fn)); };
  v.made: { *v } ==> v.stop, { mc_example(mc_remembered()); };
  v.null: { v } ==> true = v.stop, false = v.null
    | { *v } && ${ !mc_known_nonnull(v) } ==> v.stop, { mc_counterexample(mc_remembered(), "%s is used untested, though the result of %s is tested nearly everywhere", mc_identifier(v), mc_remembered()); };
}

rule "linux.inferred-use" {
  severity: warning;
  text: "The error that a function may return, and that nearly everybody looks at, is looked at everywhere. Which functions these are is learnt from the code.";
  category: "CWE-252";
  example: "Nineteen callers of foo_start() look at its error; the twentieth drops it.";
  fix: "Look at it like the others, or cast it to void and say why it does not matter.";
  false_positives: "Callers to whom the answer does not matter: that try again later, or ask for what else the function does. Callers that return nothing, and functions whose names say that they end something, are left out.";
}
sm inferred_use {
  decl any_fn_call fn;
  decl any_arguments args;
  set expected_percent = 90;
  set min_examples = 10;
  set intra = 1;
  // Their errors are told again by who ends what they belong to.
  list kept = file("errors_kept.txt");
  pat answers = { fn(args) } && ${ mc_result_type(fn) == "signed" && !mc_is_indirect(fn) && mc_may_fail() && !mc_in(fn, kept) }
    // What ends something fails where nothing can be done about it; a register is read for what that does to the device too.
    && ${ !mc_contains(mc_name(fn), "free", "destroy", "release", "remove", "close", "unregister", "stop", "disable") && !mc_contains(mc_name(fn), "read", "_rw") };
  // Who gives nothing has nobody to tell, who ends something goes on whatever happens, and who asks the same once more and
  // looks then is told.
  pat lost = answers && ${ mc_discarded() };
  pat nobody = lost && ${ mc_result_type() == "void" || mc_asked_later()
    || mc_contains(mc_function(), "free", "destroy", "exit", "cleanup", "release", "remove")
    || mc_contains(mc_function(), "close", "disconnect", "unregister", "stop", "shutdown", "detach") };
  start: nobody ==> start
    | lost ==> { mc_counterexample(mc_name(fn), "what %s returns is dropped, though it is looked at nearly everywhere", mc_name(fn)); }
    | answers ==> { mc_example(mc_name(fn)); };
}

rule "linux.lock-guards-field" {
  severity: warning;
  text: "A field that is nearly always written with a lock of its own structure held, one and the same, is written so everywhere. Which fields and locks these are is learnt from the code.";
  category: "CWE-667";
  example: "Thirty functions write q->head under q->lock; one writes it without.";
  fix: "Take the lock, or say why nobody else can see the object yet.";
  false_positives: "Objects that nobody else knows yet, or no longer (functions whose names say that they make or end one are left out); fields written by one thread only; methods whose callers hold the lock.";
}
sm lock_guards_field {
  decl any_expr e, x, l;
  decl any_scalar flags;
  decl any_fn_call fn;
  decl any_arguments args;
  data depth;
  // What these do with locks of their own is done when they come back.
  list aside = file("blocking.txt"), "kmalloc", "kfree", "vmalloc", "vfree", "kmem_cache_alloc", "kmem_cache_free", "__get_free_pages", "alloc_skb",
    "kfree_skb", "__kfree_skb", "printk", "schedule", "__wake_up", "wake_up_process";
  set expected_percent = 80;
  set min_examples = 8;
  pat take = { spin_lock(l) } | { spin_lock_irq(l) } | { spin_lock_bh(l) } | { spin_lock_irqsave(l, flags) } | { raw_spin_lock(l) } | { raw_spin_lock_irqsave(l, flags) }
    | { write_lock(l) } | { write_lock_irq(l) } | { write_lock_bh(l) } | { write_lock_irqsave(l, flags) } | { mutex_lock(l) } | { down(l) };
  pat release = { spin_unlock(l) } | { spin_unlock_irq(l) } | { spin_unlock_bh(l) } | { spin_unlock_irqrestore(l, flags) } | { raw_spin_unlock(l) } | { raw_spin_unlock_irqrestore(l, flags) }
    | { write_unlock(l) } | { write_unlock_irq(l) } | { write_unlock_bh(l) } | { write_unlock_irqrestore(l, flags) } | { mutex_unlock(l) } | { up(l) };
  // With interrupts off, on one processor, nobody else runs: no example of either.
  pat disable = { cli() } | { __cli() } | { local_irq_disable() } | { local_irq_save(flags) } | { save_and_cli(flags) };
  pat enable = { sti() } | { __sti() } | { local_irq_enable() };
  pat restore = { local_irq_restore(flags) } | { restore_flags(flags) } | { __restore_flags(flags) };
  pat other = { fn(args) } && ${ mc_in(fn, aside) };
  pat write = { e = x } | { e += x } | { e -= x } | { e |= x } | { e &= x } | { e++ } | { e-- } | { ++e } | { --e };
  // Of somebody else's object: what a function has just made it may write as it likes. What lies in the structure of a lock
  // is the lock's.
  pat shared = write && ${ mc_field(e) != "" && mc_record(e) != "" && !mc_contains(mc_record(e), "lock") && !mc_is_local_storage(e) };
  // Who makes or ends an object, or begins it anew, has it to itself.
  pat alone = shared && ${ mc_contains(mc_function(), "init", "Init", "probe", "setup", "create", "alloc", "new", "register")
    || mc_contains(mc_function(), "free", "destroy", "exit", "cleanup", "release", "remove")
    || mc_contains(mc_function(), "attach", "reset", "load") };
  free: take ==> locked, { mc_remember(mc_key(mc_record(l), mc_name(l))); }
    | disable ==> off, { depth = 1; }
    | other ==> free
    | alone ==> free
    | shared && ${ mc_is_parameter(e) || mc_is_global(e) } ==>
        { mc_counterexample(mc_key(mc_record(e), mc_field(e)), "%s is written without a lock, though it is written under one nearly everywhere", mc_identifier(e)); };
  // A callee that turns them off and back leaves them off.
  off: disable && ${ depth < 3 } ==> { depth += 1; }
    | enable ==> free, { depth = 0; }
    | restore && ${ depth <= 1 } ==> free, { depth = 0; }
    | restore ==> { depth -= 1; }
    | other ==> off;
  // The lock that was taken first is followed by its name. Which one it is that a caller holds is not known: whoever gives
  // that one back says so by name, and others do what they do with locks of their own.
  locked: take ==> locked
    | release && ${ mc_remembered() != "" && mc_record(l) != "" && mc_key(mc_record(l), mc_name(l)) != mc_remembered() } ==> locked
    | release && ${ mc_remembered() != "" || mc_contains(mc_function(), "unlock", "release", "leave", "end") } ==> free, { mc_remember(""); }
    | release ==> locked
    | other ==> locked
    // A lock of another structure may be beside it by chance. (Which one it is that the caller holds is not known.)
    | shared && ${ mc_contains(mc_remembered(), mc_key(mc_record(e), "")) } ==> { mc_example(mc_key(mc_record(e), mc_field(e)), mc_remembered()); }
    | shared && ${ mc_remembered() != "" } ==> { mc_example(mc_key(mc_record(e), mc_field(e)), ""); };
}
