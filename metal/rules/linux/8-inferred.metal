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
