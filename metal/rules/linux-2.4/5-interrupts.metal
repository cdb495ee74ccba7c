rule "linux-2.4.interrupts" {
  severity: error;
  text: "Interrupts that a function turns off are on again, or restored, on every path out of it.";
  category: "CWE-667";
  example: "save_flags(flags); cli(); if (err) return err; restore_flags(flags);";
  fix: "Restore the flags on the error path.";
  false_positives: "Functions that are meant to return with interrupts off, such as those that halt the machine; handlers and request functions that were called with interrupts off already. Files under arch/, which make the interrupt state, are not looked at.";
}
sm interrupts {
  // Reports that take a longer way were all false where they were read: docs/metal-kernels.md.
  set longest_path = 24;
  decl any_scalar flags;  // drivers keep them in signed words too
  pat disable = { cli() } | { __cli() } | { local_irq_disable() } | { local_irq_save(flags) } | { save_and_cli(flags) };
  pat enable = { sti() } | { __sti() } | { local_irq_enable() } | { safe_halt() };
  pat restore = { restore_flags(flags) } | { __restore_flags(flags) } | { local_irq_restore(flags) };
  // Named so that what lies inside these is not looked at: a lock that is not released is another rule's.
  decl any_expr l;
  pat of_locks = { spin_lock_irqsave(l, flags) } | { spin_unlock_irqrestore(l, flags) } | { spin_lock_irq(l) } | { spin_unlock_irq(l) }
    | { read_lock_irqsave(l, flags) } | { read_unlock_irqrestore(l, flags) } | { read_lock_irq(l) } | { read_unlock_irq(l) }
    | { write_lock_irqsave(l, flags) } | { write_unlock_irqrestore(l, flags) } | { write_lock_irq(l) } | { write_unlock_irq(l) };
  // Under arch/ stand those that make the interrupt state what it is: entered and left with interrupts off.
  on: disable && ${ !mc_in_file("/arch/") } ==> off
    | of_locks ==> on;
  // These turn them on, whatever they were.
  pat unlocks = { spin_unlock_irq(l) } | { read_unlock_irq(l) } | { write_unlock_irq(l) };
  off: enable ==> on
    | unlocks ==> on
    | of_locks ==> off
    | restore ==> on
    | $end_of_path$ ==> { err("interrupts are still off here"); };
}
