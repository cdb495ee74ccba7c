rule "linux-2.4.lock" {
  severity: error;
  text: "A lock that is taken is released on every path, once.";
  category: "CWE-667";
  example: "spin_lock(&dev->lock); if (err) return err;";
  fix: "Release it on the error path, usually by a goto to the common exit.";
  false_positives: "Locks that are taken and released under one condition that is not kept in a variable; functions that are meant to return with the lock held and whose callers are not among the files checked, unless their name says so (lock, acquire, semaphore, begin, seq_start, pre: these are not reported).";
}
sm lock {
  // Reports that take a longer way were all false where they were read: docs/metal-kernels.md.
  set longest_path = 24;
  state decl any_pointer l;
  decl any_scalar flags;  // drivers keep them in signed words too
  decl any_expr count;

  pat take = { spin_lock(l) } | { spin_lock_irq(l) } | { spin_lock_bh(l) } | { spin_lock_irqsave(l, flags) };
  pat release = { spin_unlock(l) } | { spin_unlock_irq(l) } | { spin_unlock_bh(l) } | { spin_unlock_irqrestore(l, flags) };

  pat try = { spin_trylock(l) } | { spin_trylock_bh(l) };

  // Its name says that it leaves a lock held.
  pat lends = ${ mc_contains(mc_function(), "_lock", "wlock", "acquire", "semaphore", "begin", "seq_start", "_pre_")
                 || (mc_contains(mc_function(), "lock_") && !mc_contains(mc_function(), "block_", "clock_")) };
  // The big kernel lock nests, and is dropped and taken again by whoever sleeps: not a lock of this kind.
  start: { lock_kernel() } ==> start
    | { unlock_kernel() } ==> start
    | try ==> true = l.locked, false = l.stop, { mc_remember(mc_key(mc_record(l), mc_name(l))); }
    | { atomic_dec_and_lock(count, l) } ==> true = l.locked, false = l.stop, { mc_remember(mc_key(mc_record(l), mc_name(l))); }
    | take && ${ mc_root(l) != "kernel_flag" } ==> l.locked, { mc_remember(mc_key(mc_record(l), mc_name(l))); }
    | release && ${ mc_root(l) != "kernel_flag" } ==> l.lent, { mc_remember(mc_key(mc_record(l), mc_name(l))); };
  // A lock that is nearly always handled rightly makes a wrong place more likely an error: reports are ranked by that.
  set expected_percent = 90;
  set min_examples = 0;
  set z_hundredths = -100000;
  l.locked: take ==> l.broken, { mc_counterexample(mc_key(mc_record(l), mc_name(l)), "%s is taken twice", mc_identifier(l)); }
    | release ==> l.released, { mc_example(mc_key(mc_record(l), mc_name(l))); }
    | $end_of_path$ && !lends ==> l.stop, { mc_counterexample(mc_remembered(), "%s is not released on this path", mc_identifier(l)); };
  // What follows a double take follows from it.
  l.broken: take ==> l.broken | release ==> l.broken;
  l.released: release ==> l.broken, { mc_counterexample(mc_key(mc_record(l), mc_name(l)), "%s is released twice", mc_identifier(l)); }
    | try ==> true = l.locked, false = l.released
    | { atomic_dec_and_lock(count, l) } ==> true = l.locked, false = l.released
    | take ==> l.locked;
  // What was held by somebody else, given up and taken again is left as it was found.
  l.lent: release ==> l.broken, { mc_counterexample(mc_key(mc_record(l), mc_name(l)), "%s is released twice", mc_identifier(l)); }
    | try ==> true = l.given, false = l.lent
    | { atomic_dec_and_lock(count, l) } ==> true = l.given, false = l.lent
    | take ==> l.given;
  l.given: release ==> l.lent
    | take ==> l.broken, { mc_counterexample(mc_key(mc_record(l), mc_name(l)), "%s is taken twice", mc_identifier(l)); };
}

rule "linux-2.4.rwlock" {
  severity: error;
  text: "A reader-writer lock that is taken for writing is released on every path; one taken for reading too.";
  category: "CWE-667";
  example: "write_lock(&l); if (err) return err;";
  fix: "Release it on the error path.";
  false_positives: "Functions that are meant to return with the lock held and whose callers are not among the files checked; reader locks that a processor may take again; unless their name says so (lock, acquire, semaphore, begin, seq_start, pre: these are not reported).";
}
sm rwlock {
  // Reports that take a longer way were all false where they were read: docs/metal-kernels.md.
  set longest_path = 24;
  state decl any_pointer l;
  decl any_scalar flags;  // drivers keep them in signed words too
  pat wtake = { write_lock(l) } | { write_lock_irq(l) } | { write_lock_bh(l) } | { write_lock_irqsave(l, flags) };
  pat wrelease = { write_unlock(l) } | { write_unlock_irq(l) } | { write_unlock_bh(l) } | { write_unlock_irqrestore(l, flags) };
  pat rtake = { read_lock(l) } | { read_lock_irq(l) } | { read_lock_bh(l) } | { read_lock_irqsave(l, flags) };
  pat rrelease = { read_unlock(l) } | { read_unlock_irq(l) } | { read_unlock_bh(l) } | { read_unlock_irqrestore(l, flags) };
  // Its name says that it leaves a lock held.
  pat lends = ${ mc_contains(mc_function(), "_lock", "wlock", "acquire", "semaphore", "begin", "seq_start", "_pre_")
                 || (mc_contains(mc_function(), "lock_") && !mc_contains(mc_function(), "block_", "clock_")) };
  start: wtake ==> l.writing | rtake ==> l.reading;
  l.writing: wtake ==> l.stop, { err("%s is taken for writing twice", mc_identifier(l)); }
    | rtake ==> l.stop, { err("%s is taken for reading while held for writing", mc_identifier(l)); }
    | wrelease ==> l.stop
    | rrelease ==> l.stop, { err("%s was taken for writing and is released as if for reading", mc_identifier(l)); }
    | $end_of_path$ && !lends ==> l.stop, { err("%s is not released on this path", mc_identifier(l)); };
  l.reading: rrelease ==> l.stop
    | wtake ==> l.stop, { err("%s is taken for writing while held for reading", mc_identifier(l)); }
    | wrelease ==> l.stop, { err("%s was taken for reading and is released as if for writing", mc_identifier(l)); }
    | $end_of_path$ && !lends ==> l.stop, { err("%s is not released on this path", mc_identifier(l)); };
}

rule "linux-2.4.flags" {
  severity: warning;
  text: "Saved processor flags are restored by the function that saved them, from the variable they were saved in, before they are saved there again.";
  category: "CWE-667";
  example: "save_flags(flags); save_flags(flags);";
  fix: "Use one variable for each nesting level, and keep it local.";
  false_positives: "Ports whose flags are a plain word may pass them between functions on purpose.";
}
sm saved_flags {
  state decl any_scalar f;
  decl any_expr l;
  pat save = { save_flags(f) } | { spin_lock_irqsave(l, f) } | { read_lock_irqsave(l, f) } | { write_lock_irqsave(l, f) }
    | { local_irq_save(f) } | { save_and_cli(f) };
  pat restore = { restore_flags(f) } | { spin_unlock_irqrestore(l, f) } | { read_unlock_irqrestore(l, f) }
    | { write_unlock_irqrestore(l, f) } | { local_irq_restore(f) };
  // Flags kept in a structure are lent to whoever has the structure.
  start: save && ${ mc_is_local_storage(f) } ==> f.saved
    | restore && ${ mc_is_parameter(f) && mc_is_local_storage(f) } ==> { err("%s was saved by another function", mc_identifier(f)); };
  f.saved: restore && ${ mc_is_parameter(f) && mc_is_local_storage(f) } ==> f.stop, { err("%s was saved by another function", mc_identifier(f)); }
    | restore ==> f.stop
    | save ==> f.stop, { err("%s still holds flags that were not restored", mc_identifier(f)); };
}
