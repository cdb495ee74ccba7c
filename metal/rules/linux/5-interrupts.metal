rule "linux.interrupts" {
  severity: error;
  text: "Interrupts that a function turns off are on again, or restored, on every path out of it.";
  category: "CWE-667";
  example: "local_irq_save(flags); if (err) return err; local_irq_restore(flags);";
  fix: "Restore the flags on the error path.";
  false_positives: "Functions that halt or hand over the processor with interrupts off on purpose.";
}
sm interrupts {
  decl any_scalar flags;
  on: { local_irq_disable() } ==> off | { local_irq_save(flags) } ==> off;
  off: { local_irq_enable() } ==> on
    | { local_irq_restore(flags) } ==> on
    | $end_of_path$ ==> { err("interrupts are still off here"); };
}
