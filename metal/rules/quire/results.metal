rule "quire.result" {
  severity: error;
  text: "Every Result is looked at.";
  category: "CWE-252";
  example: "unmap(range);";
  fix: "TRY_VOID(unmap(range));";
  false_positives: "None known: a failure that cannot matter is written as such in the code.";
}
sm quire_result {
  decl any_fn_call fn;
  decl any_arguments args;
  start: { fn(args) } && ${ mc_discarded() && mc_result_type(fn) == "std::expected" } ==> { err("the Result of %s is dropped", mc_name(fn)); };
}
