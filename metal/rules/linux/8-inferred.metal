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
  start: { v = fn(args) } && ${ mc_result_type(fn) == "pointer" && !mc_is_indirect(fn) } ==> true = v.made, false = v.null, { mc_remember(mc_name(fn)); };
  v.made: { *v } ==> v.stop, { mc_example(mc_remembered()); };
  v.null: { v } ==> true = v.stop, false = v.null
    | { *v } && ${ !mc_known_nonnull(v) } ==> v.stop, { mc_counterexample(mc_remembered(), "%s is used untested, though the result of %s is tested nearly everywhere", mc_identifier(v), mc_remembered()); };
}

rule "linux.inferred-use" {
  severity: warning;
  text: "A number that a function returns, and that nearly everybody looks at, is looked at everywhere. Which functions these are is learnt from the code.";
  category: "CWE-252";
  example: "Nineteen callers of foo_start() look at its error; the twentieth drops it.";
  fix: "Look at it like the others, or cast it to void and say why it does not matter.";
  false_positives: "Callers to whom the answer does not matter: that end the object anyway, or ask for what else the function does.";
}
sm inferred_use {
  decl any_fn_call fn;
  decl any_arguments args;
  set expected_percent = 90;
  set min_examples = 9;
  set intra = 1;
  // A register is read for what that does to the device too.
  pat answers = { fn(args) } && ${ mc_result_type(fn) == "signed" && !mc_is_indirect(fn) && !mc_contains(mc_name(fn), "read") };
  start: answers && ${ mc_discarded() } ==>
        { mc_counterexample(mc_name(fn), "what %s returns is dropped, though it is looked at nearly everywhere", mc_name(fn)); }
    | answers ==> { mc_example(mc_name(fn)); };
}

rule "linux.lock-guards-field" {
  severity: warning;
  text: "A field that is nearly always written with one and the same lock held is written so everywhere. Which fields and locks these are is learnt from the code.";
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
  data locks;
  // What these do with locks of their own is done when they come back.
  list aside = file("blocking.txt"), "kmalloc", "kfree", "vmalloc", "vfree", "kmem_cache_alloc", "kmem_cache_free", "__get_free_pages", "alloc_skb",
    "kfree_skb", "__kfree_skb", "printk", "schedule", "__wake_up", "wake_up_process";
  set expected_percent = 80;
  set min_examples = 6;
  pat take = { spin_lock(l) } | { spin_lock_irq(l) } | { spin_lock_bh(l) } | { spin_lock_irqsave(l, flags) } | { raw_spin_lock(l) } | { raw_spin_lock_irqsave(l, flags) }
    | { write_lock(l) } | { write_lock_irq(l) } | { write_lock_bh(l) } | { write_lock_irqsave(l, flags) } | { mutex_lock(l) } | { down(l) };
  pat release = { spin_unlock(l) } | { spin_unlock_irq(l) } | { spin_unlock_bh(l) } | { spin_unlock_irqrestore(l, flags) } | { raw_spin_unlock(l) } | { raw_spin_unlock_irqrestore(l, flags) }
    | { write_unlock(l) } | { write_unlock_irq(l) } | { write_unlock_bh(l) } | { write_unlock_irqrestore(l, flags) } | { mutex_unlock(l) } | { up(l) };
  // With interrupts off, on one processor, nobody else runs: no example of either.
  pat disable = { cli() } | { __cli() } | { local_irq_disable() } | { local_irq_save(flags) } | { save_and_cli(flags) };
  pat enable = { sti() } | { __sti() } | { local_irq_enable() } | { local_irq_restore(flags) } | { restore_flags(flags) } | { __restore_flags(flags) };
  pat other = { fn(args) } && ${ mc_in(fn, aside) };
  pat write = { e = x } | { e += x } | { e -= x } | { e |= x } | { e &= x } | { e++ } | { e-- } | { ++e } | { --e };
  // Of somebody else's object: what a function has just made it may write as it likes. Who makes or ends an object
  // has it to itself.
  pat shared = write && ${ mc_field(e) != "" && mc_record(e) != "" && !mc_is_local_storage(e) };
  free: take ==> locked, { locks = 1; mc_remember(mc_key(mc_record(l), mc_name(l))); }
    | disable ==> off
    | other ==> free
    | shared && ${ (mc_is_parameter(e) || mc_is_global(e))
                   && !mc_contains(mc_function(), "init", "probe", "setup", "create", "alloc", "new")
                   && !mc_contains(mc_function(), "free", "destroy", "exit", "cleanup", "release", "remove") } ==>
        { mc_counterexample(mc_key(mc_record(e), mc_field(e)), "%s is written without a lock, though it is written under one nearly everywhere", mc_identifier(e)); };
  off: enable ==> free
    | other ==> off;
  // Deeper than three is as good as three: loops that seem to take locks only would make every depth a case.
  locked: take && ${ locks < 3 } ==> { locks += 1; }
    | take ==> locked
    | release && ${ locks <= 1 } ==> free, { locks = 0; }
    | release ==> { locks -= 1; }
    | other ==> locked
    // Which lock it is that the caller holds is not known.
    | shared && ${ mc_remembered() != "" } ==> { mc_example(mc_key(mc_record(e), mc_field(e)), mc_remembered()); };
}
