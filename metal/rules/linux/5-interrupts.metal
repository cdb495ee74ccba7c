rule "linux.interrupts" {
  severity: error;
  text: "Interrupts that a function turns off are on again, or restored, on every path out of it.";
  category: "CWE-667";
  example: "local_irq_save(flags); if (err) return err; local_irq_restore(flags);";
  fix: "Restore the flags on the error path.";
  false_positives: "Functions that halt or hand over the processor with interrupts off on purpose. Files that make the interrupt state or the locks (arch/, kernel/locking, kernel/entry, softirq.c) are not looked at.";
}
sm interrupts {
  // Reports that take a longer way were all false where they were read: docs/metal-kernels.md.
  set longest_path = 24;
  decl any_scalar flags;
  decl any_fn_call fn;
  decl any_arguments args;
  data nested;  // locks taken since that save the flags themselves
  list neutral = file("neutral.txt");
  // Named so that what lies inside these is not looked at: a lock that is not released is another rule's.
  decl any_expr l;
  pat of_locks = { spin_lock_irqsave(l, flags) } | { spin_unlock_irqrestore(l, flags) } | { spin_lock_irq(l) } | { spin_unlock_irq(l) }
    | { raw_spin_lock_irqsave(l, flags) } | { raw_spin_unlock_irqrestore(l, flags) } | { raw_spin_lock_irq(l) } | { raw_spin_unlock_irq(l) }
    | { read_lock_irqsave(l, flags) } | { read_unlock_irqrestore(l, flags) } | { write_lock_irqsave(l, flags) } | { write_unlock_irqrestore(l, flags) };
  // Under arch/ stand those that make the interrupt state what it is: entered and left with interrupts off.
  pat disable = { local_irq_disable() } | { local_irq_save(flags) };
  // So do the files that make the locks, and the way into and out of the kernel.
  on: disable && ${ !mc_in_file("/arch/", "kernel/locking/", "_api_smp.h", "kernel/entry/", "linux/entry-common.h", "kernel/softirq.c") } ==> off
    | of_locks ==> on
    | { fn(args) } && ${ mc_in(fn, neutral) } ==> on;
  pat saves = { spin_lock_irqsave(l, flags) } | { raw_spin_lock_irqsave(l, flags) } | { read_lock_irqsave(l, flags) } | { write_lock_irqsave(l, flags) };
  pat restores = { spin_unlock_irqrestore(l, flags) } | { raw_spin_unlock_irqrestore(l, flags) } | { read_unlock_irqrestore(l, flags) }
    | { write_unlock_irqrestore(l, flags) };
  // These turn them on, whatever they were.
  pat unlocks = { spin_unlock_irq(l) } | { raw_spin_unlock_irq(l) };
  // Saved by hand, the lock taken plainly, and both given back at once.
  off: unlocks ==> on, { nested = 0; }
    | saves && ${ nested < 3 } ==> { nested += 1; }
    | restores && ${ nested > 0 } ==> { nested -= 1; }
    | restores ==> on
    | of_locks ==> off
    | { fn(args) } && ${ mc_in(fn, neutral) } ==> off
    | { local_irq_enable() } ==> on
    | { local_irq_restore(flags) } ==> on
    | $end_of_path$ ==> { err("interrupts are still off here"); };
}
