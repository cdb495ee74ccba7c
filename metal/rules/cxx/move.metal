rule "cxx.use-after-move" {
  severity: warning;
  text: "An object that was moved from is given a new value before it is used again.";
  category: "CWE-672";
  example: "f(std::move(s)); return s.size();";
  fix: "Use the object first, or assign to it after the move.";
  false_positives: "Classes that promise a usable state after a move.";
}
sm use_after_move {
  state decl any_expr v;
  decl any_fn_call fn;
  decl any_arguments args;
  list renewing = file("renewing.txt");
  start: { fn(v) } && ${ mc_is_call_to(fn, "std::move") && mc_is_local_storage(v) } ==> v.moved;
  v.moved: { fn(args) } && ${ mc_is_method_on(fn, args, v) && mc_method_in(fn, renewing) } ==> v.stop
    | { fn(v) } && ${ mc_is_call_to(fn, "std::move") } ==> v.stop, { err("%s is moved from twice", mc_identifier(v)); }
    | { fn(args) } && ${ mc_is_method_on(fn, args, v) } ==> v.stop, { err("%s is used after it was moved from", mc_identifier(v)); };
}
