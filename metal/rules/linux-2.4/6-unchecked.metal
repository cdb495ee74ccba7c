rule "linux-2.4.unchecked" {
  severity: error;
  text: "A result that can be null is tested before it is used.";
  category: "CWE-476";
  example: "p = kmalloc(sizeof(*p), GFP_KERNEL); p->next = 0;";
  fix: "if (!p) return -ENOMEM;";
  false_positives: "Allocations at start that can fail only when the machine cannot run at all.";
}
sm unchecked {
  state decl any_pointer v;
  decl any_fn_call fn;
  decl any_arguments args;
  list may_fail = file("may_fail.txt");
  start: { v = fn(args) } && ${ mc_in(fn, may_fail) } ==> true = v.stop, false = v.null;
  v.null: { v } ==> true = v.stop, false = v.null
    | { *v } && ${ !mc_known_nonnull(v) } ==> v.stop, { err("%s may be null: the result is not tested", mc_identifier(v)); };
}
