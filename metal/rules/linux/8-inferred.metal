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
  start: { v = fn(args) } && ${ mc_result_type(fn) == "pointer" && !mc_is_indirect(fn) } ==> v.made, { mc_remember(mc_name(fn)); };
  v.made: { *v } && ${ mc_known_nonnull(v) } ==> v.stop, { mc_example(mc_remembered()); }
    | { *v } ==> v.stop, { mc_counterexample(mc_remembered(), "%s is used untested, though the result of %s is tested nearly everywhere", mc_identifier(v), mc_remembered()); };
}

rule "linux.lock-guards-field" {
  severity: warning;
  text: "A field that is nearly always written with a spin lock held is written so everywhere. Which fields these are is learnt from the code.";
  category: "CWE-667";
  example: "Thirty functions write q->head under q->lock; one writes it without.";
  fix: "Take the lock, or say why nobody else can see the object yet.";
  false_positives: "Objects that nobody else knows yet, or no longer; fields written by one thread only.";
}
sm lock_guards_field {
  decl any_expr e, x, l;
  decl any_scalar flags;
  data locks;
  set expected_percent = 90;
  set min_examples = 9;
  pat take = { spin_lock(l) } | { spin_lock_irq(l) } | { spin_lock_bh(l) } | { spin_lock_irqsave(l, flags) } | { raw_spin_lock(l) } | { raw_spin_lock_irqsave(l, flags) };
  pat release = { spin_unlock(l) } | { spin_unlock_irq(l) } | { spin_unlock_bh(l) } | { spin_unlock_irqrestore(l, flags) } | { raw_spin_unlock(l) } | { raw_spin_unlock_irqrestore(l, flags) };
  pat write = { e = x } | { e += x } | { e -= x } | { e |= x } | { e &= x } | { e++ } | { e-- } | { ++e } | { --e };
  // Of somebody else's object: what a function has just made it may write as it likes.
  free: take ==> locked, { locks = 1; }
    | write && ${ mc_field(e) != "" && mc_record(e) != "" && (mc_is_parameter(e) || mc_is_global(e)) && !mc_is_local_storage(e) } ==>
        { mc_counterexample(mc_key(mc_record(e), mc_field(e)), "%s is written without a lock, though it is written under one nearly everywhere", mc_identifier(e)); };
  locked: take ==> { locks += 1; }
    | release && ${ locks <= 1 } ==> free, { locks = 0; }
    | release ==> { locks -= 1; }
    | write && ${ mc_field(e) != "" && mc_record(e) != "" && !mc_is_local_storage(e) } ==> { mc_example(mc_key(mc_record(e), mc_field(e))); };
}
