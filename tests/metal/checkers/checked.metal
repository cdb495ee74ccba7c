rule "checked" { text: "A result that is nearly always tested is always tested."; severity: warning; }
sm checked {
  state decl any_pointer v;
  decl any_fn_call fn;
  decl any_arguments args;
  set min_examples = 4;
  set expected_percent = 70;
  start: { v = fn(args) } && ${ mc_name(fn) == "get" } ==> true = v.passed, false = v.failed, { mc_example("get"); };
  v.failed: { *v } ==> v.stop, { mc_counterexample("get", "%s is not tested, though get() may fail", mc_identifier(v)); };
  v.passed: { drop(v) } ==> v.stop;
}
